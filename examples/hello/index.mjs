/** The function that the quickstart deploys. */
export const handler = async (event, context) => {
  console.log('greeting', event.name);
  return {
    message: `Hello, ${event.name ?? 'world'}!`,
    function: context.functionName,
    node: process.version,
  };
};

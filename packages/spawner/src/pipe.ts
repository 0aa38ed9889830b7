/** Descriptor of the pipe between server and spawner. */
export const PIPE_FD = 3;

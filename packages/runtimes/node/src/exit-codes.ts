/** The statuses with which AWS's runtime ends, and so its errors tell. */
export const EXIT_UNCAUGHT = 129;
export const EXIT_UNHANDLED = 128;
/** Node's own, where a module's top-level `await` can't settle. */
export const EXIT_UNSETTLED = 13;

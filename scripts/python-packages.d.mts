/** The Python of the environment of sdk/python's tests; makes it when it is not there. */
export function pythonOf(): string;

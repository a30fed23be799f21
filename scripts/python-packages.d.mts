/** The Python of the environment of sdk/python's tests; makes it when it is not there. */
export function pythonOf(): string;
/** The Python of the environment that has schemathesis; makes it when it is not there. */
export function schemathesisPython(): string;

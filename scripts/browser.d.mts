/** Throws: Error with the remedy when there is none and none can be installed. */
export function browserPath(): string;

/** A text that shows itself to nobody who prints, logs or serialises what it is part of. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for whoever needs it; not to be kept. */
  reveal(): string {
    return this.#text;
  }

  toJSON(): string {
    return '***';
  }
}

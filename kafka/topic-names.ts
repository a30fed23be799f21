/** Logical names ↔ physical names: TOPIC_PREFIX stands before every topic and group. */
export class TopicNames {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  physical(logical: string): string {
    return this.prefix + logical;
  }

  logical(physical: string): string {
    return physical.startsWith(this.prefix) ? physical.slice(this.prefix.length) : physical;
  }

  /** The logical names of those that stand under the prefix; other systems on the broker have topics too. */
  own(physical: readonly string[]): readonly string[] {
    return physical
      .filter((name) => name.startsWith(this.prefix))
      .map((name) => this.logical(name));
  }
}

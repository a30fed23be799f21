/** An event name, all of a family (`exec.*`), or everything (`*`, which no setting allows). */
export type TopicPattern = string;

const PATTERN = /^(\*|[a-z]+\.(\*|[a-z0-9_]+))$/;

export function isPattern(text: unknown): text is TopicPattern {
  return typeof text === 'string' && PATTERN.test(text);
}

/** Whether everything that `pattern` asks for is allowed; `allowed` as WS_ALLOWED_TOPICS has it. Source: B-33. */
export function isAllowed(pattern: TopicPattern, allowed: readonly TopicPattern[]): boolean {
  return allowed.some((each) => each === pattern || (isFamily(each) && matches(each, pattern)));
}

/** Whether an event of this name belongs to the pattern. */
export function matches(pattern: TopicPattern, eventType: string): boolean {
  return isFamily(pattern) ? eventType.startsWith(pattern.slice(0, -1)) : pattern === eventType;
}

/** The pattern of all events of an event's family. */
export function familyOf(eventType: string): TopicPattern {
  return `${eventType.slice(0, eventType.indexOf('.'))}.*`;
}

function isFamily(pattern: TopicPattern): boolean {
  return pattern.endsWith('.*');
}

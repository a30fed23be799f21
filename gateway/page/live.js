const TOPICS = ['intent.*', 'risk.*', 'plan.*', 'exec.*'];
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 8_000;
/** What a drain says where a position would be too long. */
const NO_POSITION = 'going away';

/**
 * @typedef {import('./timeline.js').StreamEvent} StreamEvent
 * @typedef {'connecting' | 'live' | 'away' | 'refused'} LiveState
 */

/**
 * The events of one correlation as they happen, over any number of connections: each goes on behind the last event of the
 * one before.
 */
export class LiveEvents {
  /** @type {string | null} */
  #position = null;
  #pauseMs = FIRST_PAUSE_MS;
  #options;

  /**
   * @param {object} options
   * @param {string} options.correlationId
   * @param {(event: StreamEvent) => void} options.onEvent the same event may come again
   * @param {(isGap: boolean) => void} options.onSubscribed everything behind this moment comes; with a gap, what was before
   *   has to be read elsewhere
   * @param {(state: LiveState, detail: string) => void} options.onState
   */
  constructor(options) {
    this.#options = options;
    this.#connect();
  }

  #connect() {
    const { onState } = this.#options;
    onState('connecting', 'Connecting…');
    const address = new URL('/stream', location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new WebSocket(address);
    socket.onopen = () => {
      const resume = this.#position === null ? {} : { resume: this.#position };
      const { correlationId } = this.#options;
      socket.send(JSON.stringify({ type: 'subscribe', topics: TOPICS, correlationId, ...resume }));
    };
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data), socket);
    socket.onclose = ({ code, reason }) => this.#onClose(code, reason);
  }

  /**
   * @param {any} frame
   * @param {WebSocket} socket
   */
  #take(frame, socket) {
    const { onEvent, onState, onSubscribed } = this.#options;
    if (frame.type === 'error') {
      // The log no longer has what comes after the position: begin anew, behind a history.
      this.#position = null;
      return frame.code === 'TOPIC_NOT_ALLOWED' ? undefined : socket.close();
    }
    if (frame.type === 'event') onEvent(frame.event);
    if (frame.type === 'subscribed') {
      const isGap = this.#position === null;
      this.#pauseMs = FIRST_PAUSE_MS;
      onState('live', 'Live');
      onSubscribed(isGap);
    }
    this.#position = frame.position ?? this.#position;
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #onClose(code, reason) {
    const { onState } = this.#options;
    if (code === 1008) return onState('refused', 'Not live: WS_ALLOWED_TOPICS leaves it out');
    if (code === 1001 && reason !== '' && reason !== NO_POSITION) this.#position = reason;
    onState('away', 'Not live: connecting again');
    setTimeout(() => this.#connect(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
  }
}

import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { Problem, problemBody, type ProblemCode, PROBLEMS } from './problem.ts';

/** What the parser finds wrong before there is a request, by its codes. */
const REASONS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'The headers are larger than 16 KiB; send less'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'The request took longer than 30 s; send it again'],
};
const NO_HTTP = 'What came is no HTTP/1.1; see what speaks to this port';
const PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** Answers what never became a request, as a problem like any other, and closes the connection. */
export function answerUnread(error: Error & { readonly code?: string }, socket: Socket): void {
  // The caller has gone, or is in the middle of another answer.
  const { _httpMessage: other } = socket as Socket & {
    readonly _httpMessage?: { readonly headersSent: boolean } | null;
  };
  if (!socket.writable || error.code === 'ECONNRESET' || other?.headersSent === true)
    return void socket.destroy();
  const [code, detail] = REASONS[error.code ?? ''] ?? ['BAD_REQUEST', NO_HTTP];
  const requestId = randomUUID();
  const body = JSON.stringify(problemBody(new Problem(code, detail), requestId));
  const { status } = PROBLEMS[code];
  const lines = [
    `HTTP/1.1 ${status} ${PHRASES[status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

// For containers: exit 0 when the app on this port says that it is healthy. Usage: node deploy/healthcheck.mjs <port>
const answer = await fetch(`http://127.0.0.1:${process.argv[2]}/health`).catch(() => null);
process.exit(answer?.ok ? 0 : 1);

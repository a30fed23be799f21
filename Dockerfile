# One image for all apps; which one is the command: node cli/bin.mjs run <app>.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY . .
# Local stores of tasks. A named volume begins as a copy of this folder, so it is writable for the user too.
RUN install -d -o node -g node /data
ENV MILLRACE_DATA=/data
VOLUME /data
USER node
CMD ["node", "cli/bin.mjs", "run", "gateway"]

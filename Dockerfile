# Petrel's images, a target each:
#   docker build --target petrel .              Node, the compiled program, its production dependencies, nothing else
#   docker build --target petrel-serve-cuda .   the same, and what model servers need to compute with CUDA (amd64)
# The bases are arguments, so that a build works from a mirror or without any registry.

ARG BUILDER_BASE=docker.io/library/node:24.21.0-bookworm-slim
ARG RUNTIME_BASE=gcr.io/distroless/cc-debian12:nonroot
ARG PYTHON_BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BUILDER_BASE} AS production-modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund
# Nothing reads types, source maps and manuals at run time, and onnxruntime-node brings its libraries for every
# system of which the image has one. Together they are more than half of all modules.
RUN node --input-type=commonjs --eval " \
  const { join, sep } = require('node:path'); \
  const { readdirSync, rmSync } = require('node:fs'); \
  const unread = /[.](d[.][cm]?ts|map|md)$/; \
  const own = ['linux', process.arch].join(sep); \
  for (const name of readdirSync('node_modules', { recursive: true })) { \
    const library = /^onnxruntime-node[/]bin[/][^/]+[/]([^/]+[/][^/]+)[/]/.exec(name); \
    if (unread.test(name) || (library !== null && library[1] !== own)) rmSync(join('node_modules', name), { force: true }); \
  }"

FROM ${BUILDER_BASE} AS build-modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM build-modules AS build
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM ${RUNTIME_BASE} AS petrel
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build-modules /usr/local/bin/node /usr/local/bin/node
COPY --from=production-modules /app/node_modules node_modules
COPY package.json ./
COPY --from=build /app/dist dist
COPY examples/models /models
USER 65532:65532
ENTRYPOINT ["node", "/app/dist/main.js"]

FROM ${PYTHON_BASE} AS cuda-libraries
COPY images/serve-cuda /build
RUN /build/collect-libraries.sh /cuda

FROM petrel AS petrel-serve-cuda
COPY --from=cuda-libraries /cuda/provider /app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/
COPY --from=cuda-libraries /cuda/libraries /usr/local/cuda/lib
# What the container runtime of NVIDIA is to bring in from the driver of the node.
ENV LD_LIBRARY_PATH=/usr/local/cuda/lib NVIDIA_DRIVER_CAPABILITIES=compute,utility

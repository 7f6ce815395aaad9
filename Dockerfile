# Zhiyin as a container: the pages and the wheel are built from this source, the service runs as a user without rights.
# docs/howto/deploy.md says how to use it.

FROM node:22-slim AS pages
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM python:3.11-slim AS wheel
WORKDIR /build
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE CHANGELOG.md ./
COPY src/ src/
COPY --from=pages /build/src/zhiyin/web/static/ src/zhiyin/web/static/
RUN python -m venv /opt/zhiyin \
    && /opt/zhiyin/bin/python -m pip install --no-cache-dir --disable-pip-version-check '.[films,mcp,mysql,openai,parquet,postgres,redis]'

FROM python:3.11-slim
RUN groupadd --gid 10001 zhiyin \
    && useradd --no-log-init --uid 10001 --gid zhiyin --home-dir /var/lib/zhiyin --create-home --shell /usr/sbin/nologin zhiyin
COPY --from=wheel /opt/zhiyin /opt/zhiyin
# A zhiyin.toml and catalogue files are looked for in /etc/zhiyin; everything that is kept goes to /var/lib/zhiyin.
# Secrets come at run time, as variables: ZHIYIN_STORE, ZHIYIN_REDIS, ZHIYIN_LLM__KEY.
ENV PATH=/opt/zhiyin/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ZHIYIN_CACHE=/var/lib/zhiyin/cache \
    ZHIYIN_DATA=/var/lib/zhiyin/data \
    ZHIYIN_HTTP__HOST=0.0.0.0 \
    ZHIYIN_HTTP__PORT=8000
WORKDIR /etc/zhiyin
VOLUME ["/var/lib/zhiyin"]
EXPOSE 8000
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['ZHIYIN_HTTP__PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["zhiyin"]
CMD ["serve"]

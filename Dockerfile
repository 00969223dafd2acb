FROM node:24-slim AS assets
WORKDIR /web
COPY gis_service/web/package.json gis_service/web/package-lock.json gis_service/web/.npmrc gis_service/web/vendor.mjs ./
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run vendor

FROM python:3.13-slim
WORKDIR /app
# The same script as `make run`: one list of system packages, one lock. The database is another container's.
ENV GIS_DATABASE_URL=postgresql+psycopg2://gis@database/gis GIS_HOME=/var/lib/gis GIS_HOST=0.0.0.0 \
    PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
COPY scripts scripts
RUN scripts/setup.sh system && rm -rf /var/lib/apt/lists/*
COPY requirements requirements
RUN scripts/setup.sh packages service && rm -rf /root/.cache
COPY . .
COPY --from=assets /web/vendor gis_service/web/vendor
# Readable for the service whatever the umask of the clone.
RUN scripts/setup.sh project service \
    && find . -path ./.venv -prune -o -exec chmod a+rX {} + \
    && useradd --uid 10001 --no-create-home gis \
    && install --directory --owner=gis --mode=0755 /keys \
    && rm -rf /var/lib/gis && install --directory --owner=gis --mode=0755 /var/lib/gis
USER 10001
VOLUME /var/lib/gis
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["gis", "run"]

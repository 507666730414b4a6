# image-api: hands out forms with which clients upload to S3.
# Built at the root of the repository: docker build --platform linux/arm64 -f infra/aws/workload/containers/image-api.Dockerfile .
FROM python:3.13-slim-bookworm AS packages
COPY infra/aws/workload/containers/image-api.txt /requirements.txt
# Wheels only, each with its digest: nothing is compiled, nothing of a package runs here.
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: --target /packages -r /requirements.txt
COPY infra/__init__.py /app/infra/__init__.py
COPY infra/aws/__init__.py /app/infra/aws/__init__.py
COPY infra/aws/workload /app/infra/aws/workload
# The file system is read-only at run time: bytecode is made here.
RUN rm -r /app/infra/aws/workload/containers && python -m compileall -q --invalidation-mode unchecked-hash /packages /app

FROM python:3.13-slim-bookworm
# checkov:skip=CKV_DOCKER_4: COPY takes no address, and these certificates are published at one.
# What RDS certificates are signed by. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
ADD --chmod=0644 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem /etc/ssl/certs/rds-global-bundle.pem
RUN python -m pip uninstall --yes --no-input pip && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin image
COPY --from=packages /packages /packages
COPY --from=packages /app /app
ENV PYTHONPATH=/packages:/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LISTEN_HOST=0.0.0.0
WORKDIR /app
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["python", "-m", "infra.aws.workload.presign_api"]

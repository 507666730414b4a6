-- Uploads that were promised a place, and images that were looked at. Every statement may run twice.
CREATE TABLE IF NOT EXISTS uploads (
    id              uuid        PRIMARY KEY,
    object_key      text        NOT NULL UNIQUE,
    caller          text        NOT NULL,
    idempotency_key text,                               -- NULL: each request is another upload
    wish_digest     text        NOT NULL,               -- what was asked for under that key
    content_type    text        NOT NULL,
    size_bytes      bigint      NOT NULL CHECK (size_bytes > 0),
    filename        text        NOT NULL DEFAULT '',    -- what the client calls it; never part of a path
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (caller, idempotency_key)
);

CREATE TABLE IF NOT EXISTS images (
    object_key   text        PRIMARY KEY,               -- one row an object, however often its message comes
    etag         text        NOT NULL,
    version_id   text        NOT NULL,                  -- '' in a bucket without versions
    sequencer    text        NOT NULL,                  -- S3's order of events of one key; '' when it gave none
    state        text        NOT NULL CHECK (state IN ('done', 'refused')),
    reason       text        NOT NULL DEFAULT '',       -- why it was refused
    content_type text        NOT NULL DEFAULT '',       -- what it really is
    width        integer     NOT NULL DEFAULT 0,
    height       integer     NOT NULL DEFAULT 0,
    size_bytes   bigint      NOT NULL DEFAULT 0,
    animated     boolean     NOT NULL DEFAULT false,
    thumbnails   jsonb       NOT NULL DEFAULT '[]',     -- [{"key", "edge", "width", "height", "content_type"}]
    processed_at timestamptz NOT NULL DEFAULT now()
);

-- Each service may do what it does and no more, where roles of these names exist.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'image_api') THEN
        GRANT SELECT, INSERT ON uploads TO image_api;
        GRANT SELECT ON images TO image_api;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'image_consumer') THEN
        GRANT SELECT, INSERT, UPDATE ON images TO image_consumer;
    END IF;
END
$$;

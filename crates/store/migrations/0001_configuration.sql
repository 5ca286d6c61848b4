-- The configuration: what holds, what held, who said so. Rows are added and never changed.

-- One row per change. Revisions only grow.
CREATE TABLE revision (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    author TEXT NOT NULL,
    reason TEXT
) STRICT;

-- Every tenant there ever was. A name may be given again after a deletion, an id never.
CREATE TABLE tenant (
    id      TEXT PRIMARY KEY NOT NULL,
    name    TEXT NOT NULL,
    created INTEGER NOT NULL REFERENCES revision (number),
    deleted INTEGER REFERENCES revision (number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tenant_name ON tenant (name) WHERE deleted IS NULL;

-- Every version of every document. A version without a body is a tombstone.
CREATE TABLE document (
    kind      TEXT NOT NULL CHECK (kind IN ('issuer', 'server', 'plan', 'tenant')),
    name      TEXT NOT NULL,
    revision  INTEGER NOT NULL REFERENCES revision (number),
    tenant_id TEXT REFERENCES tenant (id),
    body      TEXT CHECK (body IS NULL OR json_valid(body)),
    PRIMARY KEY (kind, name, revision),
    CHECK ((kind = 'tenant') = (tenant_id IS NOT NULL))
) STRICT;

CREATE VIEW standing AS
    SELECT kind, name, tenant_id, body FROM document AS this
    WHERE body IS NOT NULL
      AND revision = (SELECT max(revision) FROM document WHERE kind = this.kind AND name = this.name);

CREATE TRIGGER document_of_its_tenant BEFORE INSERT ON document
    WHEN NEW.kind = 'tenant' AND NOT EXISTS (
        SELECT 1 FROM tenant
        WHERE id = NEW.tenant_id AND name = NEW.name
          AND (deleted IS NULL OR (deleted = NEW.revision AND NEW.body IS NULL)))
    BEGIN SELECT RAISE(ABORT, 'this id is not that tenant''s'); END;

CREATE TRIGGER revision_kept BEFORE DELETE ON revision
    BEGIN SELECT RAISE(ABORT, 'history is kept'); END;
CREATE TRIGGER revision_stands BEFORE UPDATE ON revision
    BEGIN SELECT RAISE(ABORT, 'history is kept'); END;
CREATE TRIGGER document_kept BEFORE DELETE ON document
    BEGIN SELECT RAISE(ABORT, 'history is kept'); END;
CREATE TRIGGER document_stands BEFORE UPDATE ON document
    BEGIN SELECT RAISE(ABORT, 'history is kept'); END;
CREATE TRIGGER tenant_kept BEFORE DELETE ON tenant
    BEGIN SELECT RAISE(ABORT, 'ids are never given again'); END;
CREATE TRIGGER tenant_stands BEFORE UPDATE ON tenant
    WHEN NEW.id <> OLD.id OR NEW.name <> OLD.name OR NEW.created <> OLD.created OR OLD.deleted IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'ids stay with their tenant'); END;

-- What an upstream said of itself when the gateway asked; replaced whenever it is asked again.
CREATE TABLE said (
    url        TEXT PRIMARY KEY NOT NULL,
    discover   TEXT,
    initialize TEXT,
    at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT, WITHOUT ROWID;

-- Private keys, wrapped by a key that this database never sees.
CREATE TABLE key (
    name    TEXT PRIMARY KEY NOT NULL,
    wrapped BLOB NOT NULL,
    at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT, WITHOUT ROWID;

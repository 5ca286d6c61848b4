-- Secrets of tenants, sealed with a key that this database never sees. That one was set, and when and by whom, stays on
-- record; what was sealed is there only as long as it stands.
CREATE TABLE secret (
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    name      TEXT NOT NULL,
    revision  INTEGER NOT NULL REFERENCES revision (number),
    gone      INTEGER NOT NULL CHECK (gone IN (0, 1)),
    epoch     INTEGER,
    sealed    BLOB,
    PRIMARY KEY (tenant_id, name, revision),
    CHECK ((epoch IS NULL) = (sealed IS NULL)),
    CHECK (gone = 0 OR sealed IS NULL)
) STRICT, WITHOUT ROWID;

-- One stands, or none.
CREATE UNIQUE INDEX secret_standing ON secret (tenant_id, name) WHERE sealed IS NOT NULL;
CREATE INDEX secret_revision ON secret (revision);
-- Those that an earlier key sealed, without looking at every secret there is.
CREATE INDEX secret_epoch ON secret (epoch) WHERE sealed IS NOT NULL;

CREATE TRIGGER secret_kept BEFORE DELETE ON secret
    BEGIN SELECT RAISE(ABORT, 'history is kept'); END;
CREATE TRIGGER secret_stands BEFORE UPDATE ON secret
    WHEN NEW.tenant_id <> OLD.tenant_id OR NEW.name <> OLD.name OR NEW.revision <> OLD.revision OR NEW.gone <> OLD.gone
      OR NEW.sealed IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'what was sealed is replaced, or taken out'); END;

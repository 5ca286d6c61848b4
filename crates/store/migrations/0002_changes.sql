-- What changed since a revision, without looking at every document there is.
CREATE INDEX document_revision ON document (revision);

-- A tenant that is gone may come back, as itself: a rollback brings back the one that was there, under its own id.
DROP TRIGGER tenant_stands;
CREATE TRIGGER tenant_stands BEFORE UPDATE ON tenant
    WHEN NEW.id <> OLD.id OR NEW.name <> OLD.name OR NEW.created <> OLD.created
      OR (OLD.deleted IS NOT NULL AND NEW.deleted IS NOT NULL)
    BEGIN SELECT RAISE(ABORT, 'ids stay with their tenant'); END;

-- +goose Up
CREATE INDEX items_owner_newest ON items (owner_id, created_at DESC, id);
CREATE INDEX items_newest ON items (created_at DESC, id);

-- +goose Down
DROP INDEX items_newest;
DROP INDEX items_owner_newest;

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Item is something that a user keeps.
type Item struct {
	ID          string    `db:"id"`
	OwnerID     string    `db:"owner_id"`
	Title       string    `db:"title"`
	Description string    `db:"description"`
	CreatedAt   time.Time `db:"created_at"`
}

// Scope limits a query to what someone may see. The zero Scope sees nothing.
type Scope struct {
	everyone bool
	owner    *string
}

// Everyone is the Scope of a superuser.
func Everyone() Scope { return Scope{everyone: true} }

// OwnedBy is the Scope of a user.
func OwnedBy(userID string) Scope { return Scope{owner: &userID} }

const (
	itemColumns = `id::text, owner_id::text, title, description, created_at`
	inScope     = `($1::boolean OR owner_id = $2::uuid)` // the first two arguments are Scope's fields
)

// Items returns a page of the items in scope, newest first, and how many there are in all.
func (s *Store) Items(ctx context.Context, scope Scope, skip, limit int) ([]Item, int, error) {
	var total int
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM items WHERE `+inScope, scope.everyone, scope.owner).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("counting items: %w", err)
	}
	rows, err := s.pool.Query(ctx,
		`SELECT `+itemColumns+` FROM items WHERE `+inScope+` ORDER BY created_at DESC, id OFFSET $3 LIMIT $4`,
		scope.everyone, scope.owner, skip, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("listing items: %w", err)
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByName[Item])
	if err != nil {
		return nil, 0, fmt.Errorf("listing items: %w", err)
	}
	return items, total, nil
}

// Item returns one item in scope.
func (s *Store) Item(ctx context.Context, scope Scope, id string) (Item, error) {
	i, err := one[Item](ctx, s, `SELECT `+itemColumns+` FROM items WHERE `+inScope+` AND id = $3`, scope.everyone, scope.owner, id)
	if err != nil {
		return Item{}, fmt.Errorf("reading item: %w", err)
	}
	return i, nil
}

// CreateItem adds an item to its owner's.
func (s *Store) CreateItem(ctx context.Context, i Item) (Item, error) {
	created, err := one[Item](ctx, s,
		`INSERT INTO items (owner_id, title, description) VALUES ($1, $2, $3) RETURNING `+itemColumns, i.OwnerID, i.Title, i.Description)
	if err != nil {
		return Item{}, fmt.Errorf("creating item: %w", err)
	}
	return created, nil
}

// UpdateItem replaces title and description of an item in scope.
func (s *Store) UpdateItem(ctx context.Context, scope Scope, i Item) (Item, error) {
	updated, err := one[Item](ctx, s,
		`UPDATE items SET title = $4, description = $5 WHERE `+inScope+` AND id = $3 RETURNING `+itemColumns,
		scope.everyone, scope.owner, i.ID, i.Title, i.Description)
	if err != nil {
		return Item{}, fmt.Errorf("updating item: %w", err)
	}
	return updated, nil
}

// DeleteItem removes an item in scope.
func (s *Store) DeleteItem(ctx context.Context, scope Scope, id string) error {
	tag, err := s.pool.Exec(ctx, `DELETE FROM items WHERE `+inScope+` AND id = $3`, scope.everyone, scope.owner, id)
	if err != nil {
		return fmt.Errorf("deleting item: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("deleting item: %w", ErrNotFound)
	}
	return nil
}

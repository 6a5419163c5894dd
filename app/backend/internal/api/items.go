package api

import (
	"context"
	"net/http"
	"time"

	"backend/internal/store"

	"github.com/danielgtaylor/huma/v2"
)

type itemBody struct {
	ID          string    `json:"id" format:"uuid"`
	OwnerID     string    `json:"owner_id" format:"uuid"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
}

type itemOutput struct {
	Body itemBody
}

type itemsOutput struct {
	Body struct {
		Data  []itemBody `json:"data" doc:"The page"`
		Count int        `json:"count" doc:"How many there are in all"`
	}
}

type pageInput struct {
	Skip  int `query:"skip" minimum:"0" maximum:"1000000" default:"0"`
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

type itemPath struct {
	ID string `path:"id" format:"uuid"`
}

type itemFields struct {
	Title       string `json:"title" minLength:"1" maxLength:"255"`
	Description string `json:"description,omitempty" maxLength:"2000"`
}

type newItemInput struct {
	Body itemFields
}

type changedItemInput struct {
	ID   string `path:"id" format:"uuid"`
	Body itemFields
}

func (s *service) registerItems(api huma.API) {
	const all, single = "/items", "/items/{id}"
	operation(api, itemOperation("list-items", http.MethodGet, all, "The items of the user; of everybody for a superuser"), s.listItems)
	operation(api, itemOperation("create-item", http.MethodPost, all, "Add an item"), s.createItem)
	operation(api, itemOperation("read-item", http.MethodGet, single, "One item"), s.readItem)
	operation(api, itemOperation("update-item", http.MethodPut, single, "Replace title and description"), s.updateItem)
	operation(api, itemOperation("delete-item", http.MethodDelete, single, "Remove an item"), s.deleteItem)
}

func itemOperation(id, method, path, summary string) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"items"}}
	if path != "/items" {
		op.Errors = []int{http.StatusNotFound}
	}
	if method == http.MethodPost {
		op.DefaultStatus = http.StatusCreated
	}
	return op
}

func (s *service) listItems(ctx context.Context, in *pageInput) (*itemsOutput, error) {
	items, total, err := s.Store.Items(ctx, scope(ctx), in.Skip, in.Limit)
	if err != nil {
		return nil, s.problem(ctx, err, "items")
	}
	out := &itemsOutput{}
	out.Body.Data = make([]itemBody, 0, len(items))
	for _, i := range items {
		out.Body.Data = append(out.Body.Data, itemBody(i))
	}
	out.Body.Count = total
	return out, nil
}

func (s *service) createItem(ctx context.Context, in *newItemInput) (*itemOutput, error) {
	i := store.Item{OwnerID: currentUser(ctx).ID, Title: in.Body.Title, Description: in.Body.Description}
	created, err := s.Store.CreateItem(ctx, i)
	return s.showItem(ctx, created, err)
}

func (s *service) readItem(ctx context.Context, in *itemPath) (*itemOutput, error) {
	i, err := s.Store.Item(ctx, scope(ctx), in.ID)
	return s.showItem(ctx, i, err)
}

func (s *service) updateItem(ctx context.Context, in *changedItemInput) (*itemOutput, error) {
	i := store.Item{ID: in.ID, Title: in.Body.Title, Description: in.Body.Description}
	updated, err := s.Store.UpdateItem(ctx, scope(ctx), i)
	return s.showItem(ctx, updated, err)
}

func (s *service) deleteItem(ctx context.Context, in *itemPath) (*struct{}, error) {
	if err := s.Store.DeleteItem(ctx, scope(ctx), in.ID); err != nil {
		return nil, s.problem(ctx, err, "item")
	}
	return nil, nil
}

func (s *service) showItem(ctx context.Context, i store.Item, err error) (*itemOutput, error) {
	if err != nil {
		return nil, s.problem(ctx, err, "item")
	}
	return &itemOutput{Body: itemBody(i)}, nil
}

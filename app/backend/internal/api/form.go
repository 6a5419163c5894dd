package api

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
)

const formContent = "application/x-www-form-urlencoded"

// formFormat reads HTML forms, which is what OAuth2 sends to a token endpoint. Answers stay JSON.
var formFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalForm}

// unmarshalForm goes through JSON so that the struct's json tags name the fields.
func unmarshalForm(data []byte, v any) error {
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return fmt.Errorf("reading form: %w", err)
	}
	fields := make(map[string]string, len(values))
	for name := range values {
		fields[name] = values.Get(name)
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("reading form: %w", err)
	}
	return json.Unmarshal(encoded, v)
}

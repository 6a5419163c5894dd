package secret

import (
	"bytes"
	"encoding/json"
)

// JSON returns a JSON document with the secrets taken out of its texts, names of
// fields included. It stays valid: a text is searched as it reads without JSON's
// escapes, and a number that has a secret becomes the text Redacted.
func (r *Redactor) JSON(document []byte) []byte {
	if r.index() == nil {
		return document
	}
	var out bytes.Buffer
	for at := 0; at < len(document); {
		token := jsonToken(document[at:])
		out.WriteString(r.jsonToken(string(token)))
		at += len(token)
	}
	return out.Bytes()
}

func (r *Redactor) jsonToken(token string) string {
	text := token
	if token[0] == '"' && json.Unmarshal([]byte(token), &text) != nil {
		return `"` + Redacted + `"` // no JSON: nothing is known of what it holds
	}
	safe := r.Redact(text)
	if safe == text {
		return token
	}
	return `"` + jsonText(safe, false) + `"`
}

// jsonToken returns the text, the number or word, or the run of anything else
// that document begins with.
func jsonToken(document []byte) []byte {
	if document[0] == '"' {
		for i := 1; i < len(document); i++ {
			switch document[i] {
			case '\\':
				i++
			case '"':
				return document[:i+1]
			}
		}
		return document
	}
	scalar := isScalar(document[0])
	for i, b := range document {
		if b == '"' || isScalar(b) != scalar {
			return document[:i]
		}
	}
	return document
}

// isScalar reports whether numbers and words have b.
func isScalar(b byte) bool { return isWord(b) || b == '-' || b == '+' || b == '.' }

package loadtest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// Kind is one kind of request.
type Kind struct {
	// Name goes before the counts.
	Name string
	// Share is how many of the sum of all shares are of this kind.
	Share int
	// Method is GET when empty.
	Method string
	// Path follows the load's URL.
	Path string
	// Header goes with every request.
	Header http.Header
	// Body is what is sent; nothing when nil.
	Body []byte
	// Want must be part of the answer; any answer will do when empty.
	Want string
	// Takes is how long the server works on it by design. Request.Over leaves it out.
	Takes time.Duration
	// Streams is how many event streams of this kind are open all the time; such a kind
	// has no share.
	Streams int
}

// Page returns a kind that asks for a page.
func Page(name, path, want string, share int) Kind {
	return Kind{Name: name, Path: path, Want: want, Share: share}
}

// Slow returns a kind whose answer takes so long by design.
func Slow(name, path string, takes time.Duration, share int) Kind {
	return Kind{Name: name, Path: path, Takes: takes, Share: share}
}

// Write returns a kind that posts JSON with a bearer token.
func Write(name, path, token, body, want string, share int) Kind {
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
	return Kind{Name: name, Method: http.MethodPost, Path: path, Header: header, Body: []byte(body), Want: want, Share: share}
}

// Upload returns a kind that posts so many bytes that cannot be compressed.
func Upload(name, path string, size, share int) Kind {
	body := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(body)
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	return Kind{Name: name, Method: http.MethodPost, Path: path, Header: header, Body: body, Share: share}
}

// Events returns a kind of which so many streams are open all the time.
func Events(name, path string, streams int) Kind {
	return Kind{Name: name, Path: path, Header: http.Header{"Accept": {"text/event-stream"}}, Streams: streams}
}

// request returns a new request of the kind.
func (k *Kind) request(ctx context.Context, l *Load) (*http.Request, error) {
	method := k.Method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if k.Body != nil {
		body = bytes.NewReader(k.Body)
	}
	request, err := http.NewRequestWithContext(ctx, method, l.URL+k.Path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range k.Header {
		request.Header[name] = values
	}
	request.Host = l.Host
	return request, nil
}

// turns deals the kinds out so that each gets its share in every round, as evenly as
// it goes.
type turns struct {
	kinds []*Kind
	owed  []int
	sum   int
}

func newTurns(kinds []Kind) *turns {
	t := &turns{}
	for i := range kinds {
		if kinds[i].Share > 0 {
			t.kinds, t.sum = append(t.kinds, &kinds[i]), t.sum+kinds[i].Share
		}
	}
	t.owed = make([]int, len(t.kinds))
	return t
}

func (t *turns) next() *Kind {
	most := 0
	for i, k := range t.kinds {
		t.owed[i] += k.Share
		if t.owed[i] > t.owed[most] {
			most = i
		}
	}
	t.owed[most] -= t.sum
	return t.kinds[most]
}

package githubtest

import (
	"net/http"
	"strings"
)

// Fault is an answer that calls get instead of their own.
type Fault struct {
	Times  int    `json:"times"`  // how many calls get it
	Skip   int    `json:"skip"`   // how many matching calls pass before the first
	Method string `json:"method"` // of which calls; every method when empty
	Path   string `json:"path"`   // a part of their path; every path when empty
	// Status is the answer's. With 0 the connection is closed without an answer.
	Status  int               `json:"status"`
	Message string            `json:"message"` // of the answer's body
	Headers map[string]string `json:"headers"`
	// After lets the call have its effect first, and then loses the answer.
	After bool `json:"after"`
}

// Inject queues fault. Faults are used in order, one a call.
func (s *Server) Inject(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault)
}

// fault takes the fault for a call, nil when there is none.
func (s *Server) fault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		if fault.Times <= 0 || fault.Method != "" && fault.Method != r.Method || !strings.Contains(r.URL.Path, fault.Path) {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		fault.Times--
		return fault
	}
	return nil
}

func (f *Fault) serve(w http.ResponseWriter) {
	if f.Status == 0 {
		panic(http.ErrAbortHandler) // net/http then closes the connection
	}
	for name, value := range f.Headers {
		w.Header().Set(name, value)
	}
	fail(w, f.Status, f.Message)
}

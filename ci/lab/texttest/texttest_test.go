package texttest_test

import (
	"runtime"
	"testing"

	"gitops/ci/lab/texttest"
)

// spy is a test that may fail.
type spy struct {
	testing.TB
	failed bool
}

func (*spy) Helper() {}

func (s *spy) Fatalf(string, ...any) {
	s.failed = true
	runtime.Goexit()
}

func TestReplace(t *testing.T) {
	for _, c := range []struct {
		old, new, want string
		fails          bool
	}{
		{"a", "b", "bxa", false}, {"xa", "", "a", false}, {"z", "b", "", true}, {"x", "x", "", true},
	} {
		s, got, done := &spy{TB: t}, "", make(chan struct{})
		go func() {
			defer close(done)
			got = texttest.Replace(s, "axa", c.old, c.new)
		}()
		<-done
		if got != c.want || s.failed != c.fails {
			t.Errorf("%+v: got %q, failed %v", c, got, s.failed)
		}
	}
}

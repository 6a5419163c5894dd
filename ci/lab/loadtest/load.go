package loadtest

import (
	"net/url"
	"time"

	"gitops/ci/progress"
)

// Defaults of Load.
const (
	DefaultRate    = 200
	DefaultTimeout = 10 * time.Second
)

// Load says what is sent, where and how often.
type Load struct {
	// URL is the server's, without a path.
	URL string
	// Host is the Host header; that of URL when empty.
	Host string
	// Rate is how many requests start in a second, streams left out (DefaultRate).
	Rate int
	// Kinds are what is sent, in shares.
	Kinds []Kind
	// Timeout is how long the client waits for the whole answer (DefaultTimeout).
	Timeout time.Duration
	// VersionHeader names the header of an answer that tells which version answered;
	// none is kept when empty.
	VersionHeader string
}

// checked returns l with its defaults, or what is wrong with it.
func (l Load) checked() (Load, error) {
	if l.Rate == 0 {
		l.Rate = DefaultRate
	}
	if l.Timeout == 0 {
		l.Timeout = DefaultTimeout
	}
	if target, err := url.Parse(l.URL); err != nil || target.Host == "" {
		return l, progress.Invalid("the load has no address to go to: give a URL such as http://localhost")
	}
	if l.Rate < 0 || l.Timeout < 0 {
		return l, progress.Invalid("the load's rate and time limit must be above zero")
	}
	return l, l.checkKinds()
}

func (l Load) checkKinds() error {
	names := map[string]bool{}
	for _, k := range l.Kinds {
		switch {
		case k.Name == "" || names[k.Name]:
			return progress.Invalid("two kinds of request have the same name, or one has none: the counts go by it")
		case k.Share <= 0 && k.Streams <= 0:
			return progress.Invalid("requests of the kind %s are never sent: give it a share, or a number of streams", k.Name)
		case k.Share > 0 && k.Streams > 0:
			return progress.Invalid("the kind %s has both a share and a number of streams: give one", k.Name)
		}
		names[k.Name] = true
	}
	if len(names) == 0 {
		return progress.Invalid("the load has no kinds of requests")
	}
	return nil
}

package review

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// The keys that hide what a value is, by their names in a record.
const (
	keyOfReview = "review" // the review key, a secret of the repository
	keyOfState  = "state"  // the state's lineage, which those know who can read the state
	keyOfNobody = ""       // there is neither: nothing that is secret has a hash
)

// hasher makes the hashes of a plan.
type hasher struct {
	key  string // its name
	salt []byte
}

func newHasher(e Extra) hasher {
	switch {
	case !e.Key.Empty():
		return hasher{keyOfReview, []byte(e.Key.Reveal())}
	case e.Lineage != "":
		return hasher{keyOfState, []byte(e.Lineage)}
	}
	return hasher{}
}

// digestBytes is how much of a SHA-256 a record in a comment keeps. The fingerprint
// covers whole ones.
const digestBytes = 12

// short is what a record in a comment keeps of a digest.
func short(digest string) string { return digest[:min(len(digest), digestBytes*4/3)] }

// plain is the digest of what is shown.
func plain(form any) string {
	sum := sha256.Sum256(encode(form))
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

// keyed is the digest of what is not shown; empty without a key.
func (h hasher) keyed(form any) string {
	if h.key == keyOfNobody {
		return ""
	}
	mac := hmac.New(sha256.New, h.salt)
	mac.Write(encode(form))
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

// mask is the digest of a hidden leaf, wherever it is.
func (h hasher) mask(_ string, l leaf) string { return h.keyed(l.form) }

// check is a short hash by which another key is told apart from this one.
func (h hasher) check() string {
	if h.key == keyOfNobody {
		return ""
	}
	return h.keyed("which key")[:8]
}

// total is the hash of all parts, in any order.
func total(form string, parts []string) string {
	sum := sha256.New()
	sum.Write([]byte(form + "\n"))
	for _, part := range parts {
		sum.Write([]byte(part + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

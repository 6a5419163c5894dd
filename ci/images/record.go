package images

// Record is what an image contains of the things that a stage, a Dockerfile or a role
// can come to rely on, as its authors build it. The lab's stand-in of the image has
// nothing beyond it, which a test of ci/lab checks.
type Record struct {
	Ref string
	// Digest is of the index of all platforms, where a public source shows it. A tag
	// may have been built anew since.
	Digest string
	// User is as in the image's configuration; empty is root.
	User string
	// Entrypoint is as in the image's configuration.
	Entrypoint []string
	// Shell reports whether there is a /bin/sh.
	Shell bool
	// Tmp reports whether there is a /tmp.
	Tmp bool
	// Certificates is the path of the authorities that programs trust; empty is none.
	Certificates string
	// Libc is glibc or musl; empty where there is none.
	Libc string
	// Programs are those of Telling that are on its PATH, with their version where it
	// follows from the source.
	Programs map[string]string
	// Collections are those of Ansible.
	Collections []string
	// Sources say where these facts are from: a repository, its tag or commit, and a path.
	Sources []string
}

// Telling are the programs whose presence tells images apart, because scripts rely
// on them without saying so.
var Telling = []string{
	"ansible-playbook", "apk", "apt-get", "bash", "curl", "docker", "gcc", "git", "go", "gpg", "jq", "make", "node", "npm", "perl", "python3", "ssh", "wget", "zsh",
}

// RecordOf returns the record of an image; false when there is none.
func RecordOf(ref string) (Record, bool) {
	for _, r := range Records {
		if r.Ref == ref {
			return r, true
		}
	}
	return Record{}, false
}

// debianCertificates is the path on Debian and Alpine, and in distroless images.
const debianCertificates = "/etc/ssl/certs/ca-certificates.crt"

// unnamed is the version of a program that the source does not name.
const unnamed = ""

// have returns programs without versions.
func have(names ...string) map[string]string {
	programs := map[string]string{}
	for _, name := range names {
		programs[name] = unnamed
	}
	return programs
}

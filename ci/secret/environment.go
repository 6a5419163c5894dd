package secret

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

const (
	// NamesVariable is the environment variable with the names of further variables
	// whose values are secrets, separated by commas or spaces.
	NamesVariable = "GITOPS_SECRETS"
	// PublicVariable is the environment variable with the names of variables whose
	// values are no secrets, such as TF_VAR_name.
	PublicVariable = "GITOPS_PUBLIC"
)

// terraformVariable begins the names of Terraform's variables.
const terraformVariable = "TF_VAR_"

// InEnvironment returns the secrets in environ, which is in the form of
// os.Environ. The first rule that fits a variable decides:
//
//  1. Its name is in GITOPS_SECRETS: secret. In GITOPS_PUBLIC: not. The Dagger
//     module lists there what came by with-secret and with-variable.
//  2. Its value is a public key or a certificate: not.
//  3. Its name ends as names of secrets do (TOKEN, PASSWORD, PRIVATE_KEY …): secret.
//  4. Its name begins with TF_VAR_: secret, unless the value has the form of a
//     setting: a word of up to seven small letters, a number of up to five digits, a
//     region, an instance type, the identifier of an AWS resource. Terraform's
//     configuration is not asked: an api_token that somebody forgot to mark as
//     sensitive is what this rule is for.
//  5. Its value has an address with a password: the password is a secret.
//
// Of a list or an object, which rules 3 and 4 may meet, each text counts by itself:
// in Terraform's variables as in rule 4, and below a field's name as in rule 3. A
// Redactor does not look for switches, IP addresses and networks, and what is
// shorter than 4 characters, whatever its name is.
func InEnvironment(environ []string) []Value {
	values := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	named, public := names(values[NamesVariable]), names(values[PublicVariable])
	var found []Value
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		terraform := strings.HasPrefix(name, terraformVariable)
		switch {
		case name == NamesVariable:
		case named[name]:
			found = append(found, inValue(value, true, terraform)...)
		case public[name] || publicKey.MatchString(value):
		case terraform || secretName.MatchString(name):
			found = append(found, inValue(value, secretName.MatchString(name), terraform)...)
		default:
			found = append(found, passwords(value)...)
		}
	}
	return found
}

func names(list string) map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		all[name] = true
	}
	return all
}

var (
	// secretName matches the names of variables that hold secrets.
	secretName = regexp.MustCompile(`(?i)(token|password|passwd|passphrase|secret|credential|api_?key|(private|secret|access|encryption|signing|license)_?key)s?$` +
		`|(^|_)(pass|auth|webhook|webhook_url)$|_pwd$|^AWS_ACCESS_KEY_ID$|^TF_TOKEN_`)
	publicKey = regexp.MustCompile(`^\s*((ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA[A-Za-z0-9+/=]+( [^\n]*)?|(-----BEGIN (PUBLIC KEY|CERTIFICATE)-----[A-Za-z0-9+/=\s]+-----END (PUBLIC KEY|CERTIFICATE)-----\s*)+)\s*$`)
	// quotedText matches a text in a list or an object of Terraform or JSON; group 2
	// is there where it is a field's name. A bare name has group 3.
	quotedText = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"\s*([:=])?|([A-Za-z_][\w-]*)\s*[:=]`)
	withLogin  = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@`)
)

// inValue returns the secrets in the value of a variable. Named says that its name
// is one of a secret, terraform that it is one of Terraform's.
func inValue(value string, named, terraform bool) []Value {
	found := passwords(value)
	trimmed := strings.TrimSpace(value)
	composed := strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{")
	if named || !composed && !isSetting(value) {
		found = append(found, New(value))
	}
	if !composed {
		return found
	}
	field := ""
	for _, match := range quotedText.FindAllStringSubmatch(value, -1) {
		if match[2] != "" || match[3] != "" {
			field = match[1] + match[3]
			continue
		}
		text := unquoted(match[1])
		if secretName.MatchString(field) || named && field == "" || terraform && (named || !isSetting(text)) {
			found = append(found, New(text))
		}
	}
	return found
}

// unquoted returns what stood between quotes; Terraform and JSON escape alike.
func unquoted(text string) string {
	var plain string
	if json.Unmarshal([]byte(`"`+text+`"`), &plain) != nil {
		return text
	}
	return plain
}

// plainForms are forms that settings have and secrets do not.
var plainForms = regexp.MustCompile(`^(` + strings.Join([]string{
	`[a-z]{1,7}`,                  // a word: prod
	`-?[0-9]{1,5}(\.[0-9]{1,5})?`, // a number
	`[a-z]{2}(-gov|-iso[a-z]?)?-(north|south|east|west|central)+-[0-9][a-z]?`,                  // a region or zone
	`[a-z][a-z0-9-]*\.(nano|micro|small|medium|large|[0-9]*xlarge|metal)`,                      // an instance type
	`(acl|ami|eipalloc|eni|i|igw|lt|nat|rtb|sg|snap|subnet|vol|vpc)-[0-9a-f]{8}([0-9a-f]{9})?`, // an AWS resource
}, "|") + `)$`)

// isSetting reports whether text has the form of a setting, as InEnvironment says.
func isSetting(text string) bool {
	text = strings.TrimSpace(text)
	return ordinary(text) || plainForms.MatchString(text) || publicKey.MatchString(text)
}

// passwords returns the passwords of the addresses in value.
func passwords(value string) []Value {
	var found []Value
	for _, match := range withLogin.FindAllStringSubmatch(value, -1) {
		found = append(found, New(match[1]))
		if plain, err := url.PathUnescape(match[1]); err == nil {
			found = append(found, New(plain))
		}
	}
	return found
}

package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"
)

// The images that the manifests take from registries.
const (
	traefikImage  = "traefik:v3.7.12"
	postgresImage = "postgres:17.10"
)

//go:embed article.yml
var articleText string

//go:embed plain.yml
var plainText string

//go:embed extra.yml
var extraText string

var (
	extraService    = template.Must(template.New("extra").Parse(extraText))
	articleManifest = template.Must(template.Must(extraService.Clone()).New("article").Parse(articleText))
	plainManifest   = template.Must(template.New("plain").Parse(plainText))
)

// values are what differs between the manifests of two places and two releases.
type values struct {
	Project, Network, Port   string
	Traefik, Postgres        string
	Backend, Frontend, Extra string
	// Retry puts Traefik's retry middleware before the services.
	Retry bool
	// Plain are the services that know nothing of drains.
	Plain []plainService
	// Named gives each container a name, as the article does.
	Named bool
}

// plainService is one service of the manifest plain.yml.
type plainService struct {
	Service, Image, Base string
	Priority             int
}

// stack is a set of services that is deployed.
type stack struct {
	name string
	// text returns the manifest.
	text func(values) (string, error)
	// backend, frontend and extra name the images of its services; see world.build.
	backend, frontend, extra string
	// rolls are the services that a release changes, in the order of their dependencies.
	rolls []string
}

var (
	// application is the application as this repository ships it, with one more service.
	application = stack{"the application", applicationText, "backend", "frontend", "drains", []string{"cv-backend", "cv-frontend", "extra"}}
	// article is the same application by the article's manifest.
	article = stack{"the application, by the article's manifest", fill(articleManifest), "backend", "frontend", "drains", []string{"cv-backend", "cv-frontend", "extra"}}
	// plain are services that know nothing of drains.
	plain = stack{"services that know nothing of drains", fill(plainManifest), "plain", "plain", "plain", []string{"backend", "frontend"}}
)

func fill(t *template.Template) func(values) (string, error) {
	return func(v values) (string, error) {
		var b strings.Builder
		err := t.Execute(&b, v)
		return b.String(), err
	}
}

// applicationText is app/docker-compose.yml with another port, project and network, the
// images of the release, and the service for what the application does not have: slow
// requests, event streams, uploads.
func applicationText(v values) (string, error) {
	content, err := os.ReadFile("app/docker-compose.yml")
	if err != nil {
		return "", fmt.Errorf("reading the application's manifest (run this in the repository's folder): %w", err)
	}
	extra, err := fill(extraService)(v)
	if err != nil {
		return "", err
	}
	zeros := ":" + strings.Repeat("0", 40)
	text := string(content)
	for _, change := range [][2]string{
		{"\nname: app\n", "\nname: " + v.Project + "\n"},
		{`"80:80"`, `"127.0.0.1:` + v.Port + `:80"`},
		{"\n  web_net:\n    external: true\n", "\n  web_net:\n    external: true\n    name: " + v.Network + "\n"},
		{"network=web_net", "network=" + v.Network},
		{"exposedbydefault=false\"\n", "exposedbydefault=false\"\n      - \"--providers.docker.constraints=Label(`com.docker.compose.project`,`" + v.Project + "`)\"\n"},
		{"docker.io/owner/backend" + zeros, v.Backend},
		{"docker.io/owner/frontend" + zeros, v.Frontend},
		{"\nnetworks:\n", "\n" + extra + "\nnetworks:\n"},
	} {
		if !strings.Contains(text, change[0]) {
			return "", fmt.Errorf("the application's manifest has no %q to change", change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	return text, nil
}

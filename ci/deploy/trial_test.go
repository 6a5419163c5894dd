package deploy

import (
	"strings"
	"testing"
)

// A router of a trial ranks just above the manifest's: the page, whose rule meets every
// path, must not answer what is asked of the API.
func TestRoutersOfATrial(t *testing.T) {
	manifest := map[string]string{
		"traefik.http.routers.page.rule":        "PathPrefix(`/`)",
		"traefik.http.routers.page.middlewares": "zip@file",
		"traefik.http.routers.api.Rule":         "PathPrefix(`/api`)",
		"traefik.http.routers.api.priority":     "7",
	}
	g := generation{number: 3, trial: newTrial("secret", manifest)}
	labels := g.labels("web-shop", manifest)
	for key, want := range map[string]string{
		"traefik.http.routers.page-g3-trial.rule":                                                        "(PathPrefix(`/`)) && Header(`X-Gitops-Trial`, `secret`)",
		"traefik.http.routers.page-g3-trial.priority":                                                    "16",
		"traefik.http.routers.page-g3-trial.middlewares":                                                 "web-shop-g3-trial-header,zip@file",
		"traefik.http.routers.api-g3-trial.Rule":                                                         "(PathPrefix(`/api`)) && Header(`X-Gitops-Trial`, `secret`)",
		"traefik.http.routers.api-g3-trial.priority":                                                     "8",
		"traefik.http.routers.api-g3-trial.middlewares":                                                  "web-shop-g3-trial-header",
		"traefik.http.middlewares.web-shop-g3-trial-header.headers.customresponseheaders.X-Gitops-Trial": "web-shop",
		"traefik.http.routers.gitops-web-shop-g3-trial.rule":                                             "Path(`/.gitops/web-shop-g3-trial`)",
	} {
		if labels[key] != want {
			t.Errorf("%s is %q, want %q", key, labels[key], want)
		}
	}
	for key, value := range labels {
		if strings.Contains(key, "gitops-web-shop-g3-trial.rule") && strings.Contains(value, "Header") {
			t.Errorf("the marker needs the header: %s", value)
		}
	}
}

package compose_test

import (
	"reflect"
	"strings"
	"testing"

	"gitops/ci/builds"
	"gitops/ci/compose"
	"gitops/ci/progress"
)

const (
	commit = "1111111111111111111111111111111111111111"
	web    = "services:\n  web:\n    image: owner/web:1\n"
	built  = web + "    build:\n      context: ./web\n      dockerfile: ./prod.Dockerfile\n      target: run\n      platforms: [linux/amd64]\n" +
		"      args: {MODE: fast, PRICE: 5$$, GIT_SHA: \"${GIT_SHA:-dev}\"}\n  db:\n    image: postgres:17\n"
)

// args are arguments with the commit, from names and values in turn.
func args(pairs ...string) map[string]string {
	all := map[string]string{"GIT_SHA": commit}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

func options(text, config string, services ...string) builds.Options {
	o := builds.Options{Manifest: []byte(text), ManifestPath: "app/compose.yml", Services: services, Commit: commit}
	if config != "" {
		o.Config = []byte(config)
	}
	return o
}

func TestBuilds(t *testing.T) {
	webBuild := builds.Build{
		Service: "web", Image: "owner/web:1", Context: "app/web", Dockerfile: "prod.Dockerfile", Target: "run",
		Platforms: []string{"linux/amd64"}, Args: args("MODE", "fast", "PRICE", "5$"), Line: 5, Column: 7,
	}
	changed := func(change func(*builds.Build)) []builds.Build {
		b := webBuild
		change(&b)
		return []builds.Build{b}
	}
	plain := builds.Build{Service: "web", Image: "owner/web:1", Context: ".", Args: args()}
	for name, c := range map[string]struct {
		o    builds.Options
		want []builds.Build
	}{
		"manifest alone":            {options(built, ""), []builds.Build{webBuild}},
		"empty configuration":       {options(built, "# nothing yet\n"), []builds.Build{webBuild}},
		"configuration of nothing":  {options(built, "x-note: {a: b}\nservices:\n"), []builds.Build{webBuild}},
		"manifest named by flag":    {options(built, "", "web"), []builds.Build{webBuild}},
		"flag: context":             {options(built, "", "web=src/web/"), changed(func(b *builds.Build) { b.Context = "src/web" })},
		"flag: context is the root": {options(built, "", "web=."), changed(func(b *builds.Build) { b.Context = "." })},
		"flag: dockerfile":          {options(built, "", "web,dockerfile=../Other"), changed(func(b *builds.Build) { b.Dockerfile = "../Other" })},
		"flag: target":              {options(built, "", "web,target=test$"), changed(func(b *builds.Build) { b.Target = "test$" })},
		"flag: platforms replace": {options(built, "", "web,platform=linux/arm64/v8,platform=linux/arm/v6"),
			changed(func(b *builds.Build) { b.Platforms = []string{"linux/arm64/v8", "linux/arm/v6"} })},
		"flag: args add and win": {options(built, "", `web,arg=MODE=slow=er,"arg=LIST=a,""b""",arg=EMPTY=`),
			changed(func(b *builds.Build) {
				b.Args = args("MODE", "slow=er", "PRICE", "5$", "LIST", `a,"b"`, "EMPTY", "")
			})},
		"flag wins over what would be refused": {
			options(web+"    build: {context: https://host.invalid/x.git, target: $T}\n", "", "web=web,target=run"),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "web", Target: "run", Args: args(), Line: 4, Column: 12}}},
		"flag alone": {options(built, "", "db=database,dockerfile=Db"),
			[]builds.Build{{Service: "db", Image: "postgres:17", Context: "database", Dockerfile: "Db", Args: args()}}},
		"several flags, in order of names": {options(built, "", "web", "db=."),
			[]builds.Build{{Service: "db", Image: "postgres:17", Context: ".", Args: args()}, webBuild}},
		"configuration alone": {options(web, "services:\n  web:\n    build: ./src/web\n"),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "src/web", Args: args(), Line: 3, Column: 12}}},
		"configuration replaces all of the manifest's, and adds": {
			options(built, "services: {db: {build: {}}, web: {build: {target: other, args: [A=1]}}}"),
			[]builds.Build{
				{Service: "db", Image: "postgres:17", Context: ".", Args: args(), Line: 1, Column: 24},
				{Service: "web", Image: "owner/web:1", Context: ".", Target: "other", Args: args("A", "1"), Line: 1, Column: 42}}},
		"configuration replaces what would be refused": {
			options(web+"    build: {secrets: [token]}\n", "services: {web: {build: x}}"),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "x", Args: args(), Line: 1, Column: 25}}},
		"flag wins over the configuration": {options(built, "services: {web: {build: {context: a, target: b}}}", "web=c"),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "c", Target: "b", Args: args(), Line: 1, Column: 25}}},
		"what cannot change the content is ignored": {
			options(web+"    build: {cache_from: [a], cache_to: [b], no_cache: true, no_cache_filter: [c], pull: true, tags: [d], "+
				"provenance: true, sbom: true, shm_size: 1g, ulimits: {nproc: 1}, x-y: 1, secrets: [], privileged: false, network: }\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app", Args: args(), Line: 4, Column: 12}}},
		"the service's platform": {options(web+"    platform: linux/arm64\n", "", "web=."),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: ".", Platforms: []string{"linux/arm64"}, Args: args()}}},
		"the section's platforms win over the service's": {options(web+"    platform: linux/arm64\n    build: {platforms: [linux/amd64, linux/arm64]}\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app", Platforms: []string{"linux/amd64", "linux/arm64"}, Args: args(), Line: 5, Column: 12}}},
		"merged from two documents": {options(web+"    build: {context: a, args: [A=1, B=1]}\n---\nservices: {web: {build: {target: b, args: {B: 2}}}}\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app/a", Target: "b", Args: args("A", "1", "B", "2"), Line: 6, Column: 25}}},
		"merged by extends": {options(web+"    build: {context: a, args: {A: 1}}\n  x: {extends: web, image: owner/x, build: {dockerfile: X, args: {B: 2}}}\n", ""),
			[]builds.Build{
				{Service: "web", Image: "owner/web:1", Context: "app/a", Args: args("A", "1"), Line: 4, Column: 12},
				{Service: "x", Image: "owner/x", Context: "app/a", Dockerfile: "X", Args: args("A", "1", "B", "2"), Line: 5, Column: 44}}},
		"of an anchored list": {options("x-b: &b {build: {context: b}}\nx-l: &l [*b]\n"+web+"    <<: *l\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app/b", Args: args(), Line: 1, Column: 17}}},
		"arg twice, the last wins": {options(web+"    build: {args: [A=1, A=2]}\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app", Args: args("A", "2"), Line: 4, Column: 12}}},
		"configuration of two documents": {options(web, "services: {web: {build: {context: a}}}\n---\nservices: {web: {build: {target: b}}}\n"),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "a", Target: "b", Args: args(), Line: 3, Column: 25}}},
		"extends another file": {options(web+"    build: a\n    extends: {file: common.yml, service: base}\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app/a", Args: args(), Line: 4, Column: 12}}},
		"extends": {options(web+"    build: a\n  child: {extends: {service: web}}\n  other: {extends: web, image: owner/other, build: !reset }\n", ""),
			[]builds.Build{
				{Service: "child", Image: "owner/web:1", Context: "app/a", Args: args(), Line: 4, Column: 12},
				{Service: "web", Image: "owner/web:1", Context: "app/a", Args: args(), Line: 4, Column: 12}}},
		"override": {options(web+"    build: a\n---\nservices: {web: {build: !override {context: b}}}\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app/b", Args: args(), Line: 6, Column: 25}}},
		"reset of one key": {options(web+"    build: {context: ., secrets: !reset [a], target: !reset x}\n", ""),
			[]builds.Build{{Service: "web", Image: "owner/web:1", Context: "app", Args: args(), Line: 4, Column: 12}}},
		"unsupported sections of others": {options(built+"    build: {secrets: [a], context: $X}\n", "", "web"), []builds.Build{webBuild}},
		"given commit":                   {options(web, "", "web=.,arg=GIT_SHA="+commit), []builds.Build{plain}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := compose.Builds(c.o)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("\n got %#v\nwant %#v\n%v", got, c.want, err)
			}
		})
	}
}

func TestPlacesOfBuilds(t *testing.T) {
	for _, c := range []struct{ manifest, config, context, want string }{
		{"compose.yml", "", "./web", "web"},
		{"./deploy/a/compose.yml", "", "../../web", "web"},
		{"deploy/compose.yml", "", "..", "."},
		{"deploy/compose.yml", "gitops.yml", "web", "web"},
		{"deploy/compose.yml", "settings/gitops.yml", "../web", "web"},
		{"deploy/compose.yml", "", "..web", "deploy/..web"},
		{"compose.yml", "", "..web", "..web"},
	} {
		o := options(web+"    build: "+c.context+"\n", "")
		if c.config != "" {
			o = options(web, "services: {web: {build: "+c.context+"}}")
		}
		o.ManifestPath, o.ConfigPath = c.manifest, c.config
		got, err := compose.Builds(o)
		if err != nil || got[0].Context != c.want {
			t.Errorf("%+v: got %+v, %v", c, got, err)
		}
	}
}

// The strongest of what says an argument's value: the flag, --build-arg, the section.
func TestArgumentsOfBuilds(t *testing.T) {
	text := web + "    build:\n      args:\n      - A=section\n      - B=section\n      - C=section\n      - D\n"
	o := options(text, "", "web,arg=A=flag")
	o.BuildArgs = map[string]string{"A": "given", "B": "given", "D": "$given", "E": "given"}
	got, err := compose.Builds(o)
	want := args("A", "flag", "B", "given", "C", "section", "D", "$given", "E", "given")
	if err != nil || !reflect.DeepEqual(got[0].Args, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(o.BuildArgs) != 4 || o.BuildArgs["A"] != "given" {
		t.Errorf("the caller's arguments are changed: %v", o.BuildArgs)
	}
}

func TestBuildsRefuse(t *testing.T) {
	section := func(build string) builds.Options { return options(web+"    build: "+build+"\n", "") }
	flag := func(value ...string) builds.Options { return options(built, "", value...) }
	config := func(text string) builds.Options { return options(built, text) }
	given := section(".")
	given.BuildArgs = map[string]string{"GIT_SHA": "other"}
	type cases map[string]struct {
		o    builds.Options
		want string
	}
	all := cases{
		"no YAML":                    {options("services: [", ""), "app/compose.yml:1:"},
		"nothing to build":           {options(web, ""), "app/compose.yml: no service has a build section, here or in gitops.yml"},
		"no image":                   {options("services:\n  web:\n    build: .\n", ""), `app/compose.yml:3:5: service "web" has no image`},
		"image with a variable":      {options("services:\n  web:\n    image: a/b:$T\n    build: .\n", ""), `app/compose.yml:3:12: image of service "web"`},
		"a list":                     {section("[a]"), "app/compose.yml:4:12: services.web.build: invalid type list for build"},
		"a number":                   {section("5"), "app/compose.yml:4:12: services.web.build: invalid type int for build"},
		"URL":                        {section("https://host.invalid/a.git#main"), `app/compose.yml:4:12: context of service "web" is https://host.invalid/a.git#main`},
		"URL in a mapping":           {section("{context: git@host.invalid:a/b}"), "app/compose.yml:4:22: context"},
		"GitHub":                     {section("github.com/a/b"), "app/compose.yml:4:12: context"},
		"outside":                    {section("../.."), "app/compose.yml:4:12: context of service \"web\" is ../.., which is outside the repository"},
		"outside, beside":            {section("../../other"), "outside the repository"},
		"absolute":                   {section("/srv"), "app/compose.yml:4:12: context of service \"web\" is /srv, which is outside"},
		"home":                       {section("~/web"), "outside the repository"},
		"context with a variable":    {section("./$DIR"), `app/compose.yml:4:12: context of service "web" is "./$DIR", which depends on the environment`},
		"context is a list":          {section("{context: [a]}"), "app/compose.yml:4:22: context of service \"web\" is not a text"},
		"dockerfile outside":         {section("{dockerfile: ../../Dockerfile}"), "app/compose.yml:4:25: dockerfile of service \"web\" is ../../Dockerfile, which is outside"},
		"dockerfile absolute":        {section("{dockerfile: /Dockerfile}"), "app/compose.yml:4:25: dockerfile"},
		"dockerfile with a variable": {section("{dockerfile: \"${D:-x}\"}"), "app/compose.yml:4:25: dockerfile"},
		"target with a variable":     {section("{target: $T$$}"), "app/compose.yml:4:21: target"},
		"target is a number":         {section("{target: 1}"), "app/compose.yml:4:21: target"},
		"platforms are a text":       {section("{platforms: linux/amd64}"), "app/compose.yml:4:24: platforms of service \"web\" are not a list"},
		"platform is a list":         {section("{platforms: [[a]]}"), "app/compose.yml:4:25: platform"},
		"platform of one part":       {section("{platforms: [linux/amd64, arm64]}"), `app/compose.yml:4:38: platform "arm64" of service "web" is not of the form`},
		"platform of four parts":     {section("{platforms: [linux/arm64/v8/x]}"), "not of the form"},
		"platform is empty":          {section("{platforms: ['']}"), "app/compose.yml:4:25: platform \"\""},
		"platform with a variable":   {section("{platforms: [$P]}"), "depends on the environment"},
		"platform twice":             {section("{platforms: [linux/amd64, linux/amd64]}"), "app/compose.yml:4:38: platform linux/amd64 of service \"web\" is there already"},
		"platform by two names":      {section("{platforms: [linux/arm64, linux/arm64/v8]}"), "is there already, as linux/arm64"},
		"the service's platform":     {options(web+"    platform: [a]\n    build: .\n", ""), "app/compose.yml:4:15: platform"},
		"args are a text":            {section("{args: a}"), "app/compose.yml:4:19: build args of service \"web\" are neither"},
		"arg is a list":              {section("{args: {A: [b]}}"), "app/compose.yml:4:20: a build argument"},
		"arg in a list is a list":    {section("{args: [[b]]}"), "app/compose.yml:4:19: services.web.build.args.[0]: unexpected type list"},
		"extends in a circle":        {options(web+"    build: a\n    extends: web\n", ""), "app/compose.yml:5:14: Circular reference"},
		"extends what is not there":  {options(web+"    build: a\n    extends: other\n", ""), "app/compose.yml:5:14: cannot extend service \"web\""},
		"arg without a name":         {section("{args: ['=x']}"), "has no name"},
		"arg of the environment":     {section("{args: [A]}"), `app/compose.yml:4:20: build argument A of web is "${A}", which depends on the environment: give it with --build-arg A=VALUE`},
		"arg with a variable":        {section("{args: {A: 'x${A:-b}'}}"), "app/compose.yml:4:20: build argument A"},
		"other commit":               {given, "build argument GIT_SHA of web is given as \"other\": a release sets it"},
		"unknown key":                {section("{contxt: a}"), `app/compose.yml:4:13: build of service "web" has the key "contxt"`},
		"one image built differently": {options("services:\n  a: {image: o/x:1, build: a}\n  b: {image: docker.io/o/x:2, build: b}\n", ""),
			`app/compose.yml:3:14: services "a" and "b" are built differently and pushed as one image, docker.io/o/x`},

		"flag: empty":              {flag(""), `--service "": want NAME`},
		"flag: no name":            {flag("=x"), "want NAME"},
		"flag: no context":         {flag("web="), "want NAME"},
		"flag: twice":              {flag("web", "web=."), `--service names "web" twice`},
		"flag: no such service":    {flag("nobody=."), `--service nobody: app/compose.yml:2:3: no service "nobody"`},
		"flag: no image":           {options(web+"  x: {command: y}\n", "", "x=."), `--service x: app/compose.yml:4:6: service "x" has no image`},
		"flag: no context at all":  {flag("db,target=x"), "--service db: it has no build section in app/compose.yml or gitops.yml: give its folder with --service db=CONTEXT"},
		"flag: unknown key":        {flag("web,stage=x"), `--service "web,stage=x": there is no key stage: want dockerfile, target, platform or arg`},
		"flag: no value":           {flag("web,target"), "target is not of the form KEY=VALUE"},
		"flag: empty value":        {flag("web,target="), "target= is not of the form KEY=VALUE"},
		"flag: blank":              {flag("web, target=x"), "there is no key  target"},
		"flag: unquoted comma":     {flag("web,arg=A=b,c"), "c is not of the form KEY=VALUE; a value with a comma is quoted"},
		"flag: bare quote":         {flag(`web,arg=A="b,c"`), "quotes go around a whole field"},
		"flag: several lines":      {flag("web\nx"), "several lines"},
		"flag: dockerfile twice":   {flag("web,dockerfile=a,dockerfile=b"), "dockerfile is given twice"},
		"flag: target twice":       {flag("web,target=a,target=a"), "target is given twice"},
		"flag: arg without value":  {flag("web,arg=A"), "arg=A is not of the form arg=NAME=VALUE"},
		"flag: arg without name":   {flag("web,arg==b"), "arg==b is not of the form"},
		"flag: arg twice":          {flag("web,arg=A=1,arg=A=2"), "arg A is given twice"},
		"flag: other commit":       {flag("web,arg=GIT_SHA=x"), "a release sets it to its commit"},
		"flag: URL":                {flag("web=https://host.invalid/a"), "--service web: context of service \"web\" is https://host.invalid/a"},
		"flag: outside":            {flag("web=.."), "--service web: context of service \"web\" is .., which is outside"},
		"flag: absolute":           {flag("web=/web"), "--service web: context"},
		"flag: dockerfile outside": {flag("web=a,dockerfile=../../D"), "--service web: dockerfile"},
		"flag: platform":           {flag("web,platform=x"), "--service web: platform \"x\""},
		"flag: platform twice":     {flag("web,platform=linux/arm,platform=linux/arm/v7"), "--service web: platform linux/arm/v7 of service \"web\" is there already"},

		"config: no YAML":         {config("a: ["), "gitops.yml:1:"},
		"config: a list":          {config("[a]"), "gitops.yml:1:1: the configuration is not a mapping"},
		"config: services a list": {config("services: [web]"), "gitops.yml:1:11: services is not a mapping"},
		"config: no mapping":      {config("services: {web: ./web}"), "gitops.yml:1:17: service web is not a mapping with build"},
		"config: more than build": {config("services: {web: {build: ., image: a}}"), `gitops.yml:1:28: service web has the key "image"`},
		"config: no build":        {config("services:\n  web:\n    build:\n"), `gitops.yml:2:3: service "web" has no build section`},
		"config: nothing":         {config("services:\n  web:\n"), `gitops.yml:2:3: service "web" has no build section`},
		"config: no such service": {config("services:\n  nobody:\n    build: .\n"), `gitops.yml:3:12: build of service "nobody": app/compose.yml:2:3: no service "nobody"`},
		"config: no image": {options(web+"  x: {command: y}\n", "services: {x: {build: .}}"),
			`gitops.yml:1:23: build of service "x": app/compose.yml:4:6: service "x" has no image`},
		"config: outside":          {config("services: {web: {build: ..}}"), "gitops.yml:1:25: context of service \"web\" is .., which is outside"},
		"config: refused key":      {config("services: {web: {build: {ssh: [default]}}}"), "gitops.yml:1:26: build of service \"web\" has ssh"},
		"config wrong, others ask": {options(built, "services: {nobody: {build: .}}", "web"), "gitops.yml:1:28: build of service \"nobody\""},
	}
	for _, key := range []string{"additional_contexts: {a: b}", "dockerfile_inline: FROM x", "entitlements: [a]", "extra_hosts: [a=b]",
		"isolation: hyperv", "labels: {a: b}", "network: host", "privileged: true", "secrets: [a]", "ssh: [default]"} {
		name, _, _ := strings.Cut(key, ":")
		all["refused: "+name] = struct {
			o    builds.Options
			want string
		}{section("{" + key + "}"), `app/compose.yml:4:13: build of service "web" has ` + name + ", which a release cannot honour: "}
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			got, err := compose.Builds(c.o)
			if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v\nand  %v\nwant %s", got, err, c.want)
			}
		})
	}
}

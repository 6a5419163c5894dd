package builds

// ConfigFile is where a repository says what its manifest does not: at its root.
const ConfigFile = "gitops.yml"

// Options say what a release builds. Paths are relative to the repository's root,
// with slashes.
type Options struct {
	Manifest     []byte
	ManifestPath string
	// Config is the text of ConfigFile, nil when there is none. It has services
	// with build sections in compose's syntax, each of which replaces the
	// manifest's as a whole. Its paths are relative to its folder.
	Config     []byte
	ConfigPath string // ConfigFile when empty
	// Services are the values of --service, which win over both, setting by
	// setting: NAME[=CONTEXT][,dockerfile=PATH][,target=STAGE]
	// [,platform=OS/ARCH[/VARIANT]]…[,arg=NAME=VALUE]…, split by the rules of CSV.
	// Platforms replace the others, arguments are added. When there are any, only
	// the services that they name are built.
	Services []string
	// BuildArgs are arguments of every image. They win over those of the build
	// sections, and those of Services win over them.
	BuildArgs map[string]string
	// Platforms are those of builds that name none themselves.
	Platforms []string
	// Values is the text of the file that sets variables of the manifest, nil when there
	// is none: those in images, and those in build arguments.
	Values     []byte
	ValuesPath string
	// Force also builds images with variables that no file sets, by the variables'
	// defaults.
	Force bool
	// Commit is what the images are built from: ReleaseArgument in all of them.
	Commit string
}

package compose

import (
	"path"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/progress"
)

// isData reports whether the source names the path, or a folder around it, as data.
func (r *reading) isData(name string) bool {
	for _, data := range r.Data {
		if isBelow(name, path.Join(r.folder, data)) {
			return true
		}
	}
	return false
}

func isBelow(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func (r *reading) addData(n named, service string) {
	known, ok := r.data[n.path]
	if !ok {
		known = &Data{Path: n.path, Where: n.where}
		r.data[n.path] = known
	}
	known.Services = withName(known.Services, service)
}

// checkData refuses names of data that no service binds.
func (r *reading) checkData(services map[string]any) error {
	bound := map[string]bool{}
	for _, value := range services {
		definition, _ := value.(map[string]any)
		for _, volume := range service(definition).mappings("volumes") {
			source, _ := volume["source"].(string)
			if source = belowPWD(source); volume["type"] == types.VolumeTypeBind && !path.IsAbs(source) {
				bound[path.Join(r.folder, source)] = true
			}
		}
	}
	for _, data := range r.Data {
		folder, found := path.Join(r.folder, data), false
		if path.IsAbs(data) || isAbove(path.Clean(data)) {
			return progress.Invalid("data %q is not below the project directory: give a relative path as the manifest has it", data)
		}
		for name := range bound {
			found = found || isBelow(name, folder)
		}
		if !found {
			return progress.Invalid("data %q is no source of a bind mount: give a path as the manifest has it", data)
		}
	}
	return nil
}

func sortedData(data map[string]*Data) (all []Data) {
	for _, name := range sortedKeys(data) {
		all = append(all, *data[name])
	}
	return all
}

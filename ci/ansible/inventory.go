package ansible

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"gopkg.in/yaml.v3"

	"gitops/ci/progress"
)

// Target is a host to configure, as Terraform's outputs describe it.
type Target struct {
	// Name is what the host is called in the inventory and the recap; "host" when empty.
	Name string
	// Address is host or host:port; the port defaults to 22. It must be what
	// known_hosts has the key for.
	Address string
	// User is the login name; it must be allowed to use sudo without a password.
	User string
}

// WriteInventory writes inventory.yml with target into dir and returns its path.
func WriteInventory(dir string, target Target) (string, error) {
	if target.Address == "" || target.User == "" {
		return "", progress.Invalid("writing the inventory: the host's address (%q) and user (%q) are both needed", target.Address, target.User)
	}
	if target.Name == "" {
		target.Name = "host"
	}
	variables := map[string]any{"ansible_host": target.Address, "ansible_user": target.User}
	if host, port, err := net.SplitHostPort(target.Address); err == nil {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", progress.Invalid("writing the inventory: %q has no port number", target.Address)
		}
		variables["ansible_host"], variables["ansible_port"] = host, number
	}
	content, err := yaml.Marshal(map[string]any{"all": map[string]any{"hosts": map[string]any{target.Name: variables}}})
	if err != nil {
		return "", fmt.Errorf("writing the inventory: %w", err)
	}
	path := filepath.Join(dir, "inventory.yml")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return "", fmt.Errorf("writing the inventory: %w", err)
	}
	return path, nil
}

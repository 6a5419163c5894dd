package images

// Records has a record of every image that a stage, a Dockerfile of app, the manifest
// or a role names. Who changes a version looks at the sources again.
var Records = []Record{
	{
		Ref: Terraform, Entrypoint: []string{"/bin/terraform"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "musl",
		Programs: have("apk", "git", "ssh", "wget"),
		Sources:  []string{"hashicorp/terraform v1.11.4 build.Dockerfile"},
	},
	{
		Ref: Infracost, Entrypoint: []string{"infracost"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "musl",
		Programs: have("apk", "bash", "curl", "git", "jq", "node", "npm", "ssh", "wget"),
		// Not of this tag: it is the newest that was at hand.
		Sources: []string{"infracost/infracost 016b452aa85b Dockerfile.ci"},
	},
	{
		Ref: Ansible, User: "root", Entrypoint: []string{"/opt/builder/bin/entrypoint", "dumb-init"}, Shell: true, Tmp: true,
		Certificates: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", Libc: "glibc",
		Programs: map[string]string{
			"ansible-playbook": "2.21", "bash": unnamed, "curl": unnamed, "gcc": unnamed, "git": unnamed, "gpg": unnamed, "perl": unnamed,
			"python3": unnamed, "ssh": unnamed, "zsh": unnamed,
		},
		// In /usr/share/ansible/collections, each the newest when the image was built.
		Collections: []string{"ansible.netcommon", "ansible.posix", "ansible.scm", "ansible.utils"},
		Sources: []string{
			"ansible/ansible-dev-tools v26.7.2 execution-environment.yml", "ansible/ansible-dev-tools v26.7.2 requirements.yml",
			"ansible/ansible-dev-tools v26.7.2 final/Containerfile", "ansible/ansible-dev-tools v26.7.2 final/setup.sh",
			"ansible/ansible-dev-tools v26.7.2 uv.lock",
		},
	},
	{
		Ref: Git, Entrypoint: []string{"git"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "musl",
		Programs: map[string]string{"apk": unnamed, "git": "2.52.0", "gpg": unnamed, "ssh": unnamed, "wget": unnamed},
		Sources:  []string{"alpine-docker/git 0cca7bef7f0f Dockerfile"},
	},
	{
		Ref: Go, Digest: "sha256:771f3162219f7a66bb6be3fea1ba31f418932946a99ad9eac26ffd555dfcf393",
		Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "glibc",
		Programs: map[string]string{
			"apt-get": unnamed, "bash": unnamed, "curl": unnamed, "gcc": unnamed, "git": unnamed, "go": "1.26.8", "gpg": unnamed, "make": unnamed,
			"perl": unnamed, "python3": unnamed, "ssh": unnamed, "wget": unnamed,
		},
		Sources: []string{"docker-library/repo-info 274d39a50141 repos/golang/remote/1.26.8-trixie.md", "docker-library/golang 06d3b7744447 1.26/trixie/Dockerfile"},
	},
	{
		Ref: Syft, Entrypoint: []string{"/syft"}, Tmp: true, Certificates: debianCertificates,
		Sources: []string{"anchore/syft v1.38.0 Dockerfile"},
	},
	{
		Ref: Cosign, User: "65532", Entrypoint: []string{"/ko-app/cosign"}, Tmp: true, Certificates: debianCertificates,
		Sources: []string{"sigstore/cosign v2.6.5 .ko.yaml (its base is gcr.io/distroless/static-debian12:nonroot)"},
	},
	{
		Ref: Node, Digest: "sha256:c5849ff9c9ebcd66615412f0b548ca5b8ecaef84003dc9ac2e077ebe46aaa3f6",
		Entrypoint: []string{"docker-entrypoint.sh"}, Shell: true, Tmp: true, Libc: "glibc",
		Programs: map[string]string{"apt-get": unnamed, "bash": unnamed, "node": "22.23.2", "npm": unnamed, "perl": unnamed},
		Sources:  []string{"docker-library/repo-info 3179cb4d576b repos/node/remote/22.23.2-trixie-slim.md"},
	},
	{
		Ref: Nginx, User: "101", Entrypoint: []string{"/docker-entrypoint.sh"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "glibc",
		Programs: have("apt-get", "bash", "curl", "perl"),
		Sources:  []string{"nginx/docker-nginx-unprivileged 125d3f225730 stable/debian/Dockerfile"},
	},
	{
		Ref: Debian, Digest: "sha256:3a39a0592364683e6bab97937b72cad5a8fa6dcbbee90edb3bb48c7f8e94f258",
		Shell: true, Tmp: true, Libc: "glibc", Programs: have("apt-get", "bash", "perl"),
		Sources: []string{"docker-library/repo-info 05f354f0a08a repos/debian/remote/13.6-slim.md"},
	},
	{
		Ref: DebianTesting, Digest: "sha256:30942636e2c40213be85033020ceb8f9b788f7b5c29d48b8f5d152b87717c0a4",
		Shell: true, Tmp: true, Libc: "glibc", Programs: have("apt-get", "bash", "perl"),
		Sources: []string{"docker-library/repo-info 05f354f0a08a repos/debian/remote/forky-20260803-slim.md"},
	},
	{
		Ref: "traefik:v3.7.12", Digest: "sha256:5447d0eaf375d832b8f224f88db0e80c0a2d44554fc973e3ba72c3a52946cfcc",
		Entrypoint: []string{"/entrypoint.sh"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "musl",
		Programs: have("apk", "wget"),
		Sources:  []string{"docker-library/repo-info 2b118a32addb repos/traefik/remote/v3.7.12.md"},
	},
	{
		Ref: "postgres:17.10", Digest: "sha256:ccb771565a9685249a794529986c6f6eb007c676dd4169d84d3f1c46a280e696",
		Entrypoint: []string{"docker-entrypoint.sh"}, Shell: true, Tmp: true, Libc: "glibc",
		Programs: have("apt-get", "bash", "gpg", "perl"),
		Sources:  []string{"docker-library/repo-info 4875f6a00ca3 repos/postgres/remote/17.10.md"},
	},
	{
		Ref: "prom/prometheus:v3.5.3", User: "nobody", Entrypoint: []string{"/bin/prometheus"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "glibc",
		Programs: have("wget"),
		Sources:  []string{"prometheus/prometheus v3.5.3 Dockerfile", "prometheus/busybox 0134a7155f2b glibc/Dockerfile"},
	},
	{
		Ref: "prom/node-exporter:v1.11.1", User: "nobody", Entrypoint: []string{"/bin/node_exporter"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "glibc",
		Programs: have("wget"),
		Sources:  []string{"prometheus/node_exporter v1.11.1 Dockerfile", "prometheus/busybox 0134a7155f2b glibc/Dockerfile"},
	},
	{
		Ref: "grafana/loki:3.6.3", User: "10001", Entrypoint: []string{"/usr/bin/loki"}, Tmp: true, Certificates: debianCertificates,
		Sources: []string{"grafana/loki v3.6.3 cmd/loki/Dockerfile (its base is gcr.io/distroless/static:nonroot)"},
	},
	{
		Ref: "grafana/promtail:3.6.3", Entrypoint: []string{"/usr/bin/promtail"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "glibc",
		Programs: have("apt-get", "bash", "perl"),
		Sources:  []string{"grafana/loki v3.6.3 clients/cmd/promtail/Dockerfile"},
	},
	{
		Ref: "grafana/grafana:12.4.12", User: "472", Entrypoint: []string{"/run.sh"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "musl",
		Programs: have("apk", "bash", "curl", "wget"),
		// Not of this tag: it is the newest that was at hand.
		Sources: []string{"grafana/grafana 78515af65f03 Dockerfile"},
	},
	{
		Ref: "ghcr.io/google/cadvisor:0.60.6", Entrypoint: []string{"/usr/bin/entrypoint.sh"}, Shell: true, Tmp: true, Certificates: debianCertificates, Libc: "musl",
		Programs: have("apk", "wget"),
		Sources:  []string{"google/cadvisor v0.60.6 deploy/Dockerfile"},
	},
}

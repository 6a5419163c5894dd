// Package galaxytest is a double of Ansible Galaxy for rehearsals and tests: it is not
// Galaxy. It serves the collections of a folder by version 3 of Galaxy's API, the part
// that ansible-galaxy reads to install collections, without a login:
//
//	GET /api/                                                   the API's versions
//	GET /api/v3/collections/NAMESPACE/NAME/                     a collection
//	GET /api/v3/collections/NAMESPACE/NAME/versions/            its versions
//	GET /api/v3/collections/NAMESPACE/NAME/versions/VERSION/    dependencies, the archive's address and SHA-256
//	GET /api/v3/plugin/ansible/content/published/collections/artifacts/FILE    the archive
//
// An archive is packed from an installed collection: the version and the dependencies
// are those of its MANIFEST.json, and the list of files is of what is there. So its
// hash differs from that of the archive that the authors published.
package galaxytest

// Package lab starts and stops the stand-ins: real servers that take the place
// of AWS, the git host, the image registry and the EC2 instance in a rehearsal.
// They run as containers of a plain Docker engine, which the lab sets up where
// there is none, from images that it builds itself where no registry answers.
package lab

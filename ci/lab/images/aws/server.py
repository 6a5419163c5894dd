"""Starts moto's server with two gaps of moto 5.1 closed.

An instance keeps the metadata options that it was started with, and they can be
changed. Without that, Terraform sees IMDSv2 switched off after every apply.
moto 5.2 has them.

Where LAB_HOST names the host stand-in, an elastic IP is its address. moto's own
are loopback addresses, which lead nowhere.
"""

import os
import socket
import sys

from moto.ec2.models import elastic_ip_addresses
from moto.ec2.responses import instances as responses
from moto.server import main

DEFAULTS = {
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": "1",
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}

FIELDS = "".join(
    f"<{name[0].lower()}{name[1:]}>{{{{ options.{name} }}}}</{name[0].lower()}{name[1:]}>"
    for name in DEFAULTS
)

TEMPLATE = (
    "{% set options = instance.metadata_options or defaults %}"
    f"<metadataOptions><state>applied</state>{FIELDS}</metadataOptions>"
).replace("defaults", repr(DEFAULTS))

MODIFIED = (
    '<ModifyInstanceMetadataOptionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<instanceId>{{ instance.id }}</instanceId>"
    "{% set options = instance.metadata_options %}"
    f"<instanceMetadataOptions><state>applied</state>{FIELDS}</instanceMetadataOptions>"
    "</ModifyInstanceMetadataOptionsResponse>"
)


def asked(response, prefix, base):
    """Returns base with the options of the request laid over it."""
    given = {name: response._get_param(prefix + name) for name in DEFAULTS}
    return {**base, **{name: value for name, value in given.items() if value}}


def run_instances(self):
    backend = self.ec2_backend
    before = {i.id for r in backend.describe_instances() for i in r.instances}
    body = original(self)
    for reservation in backend.describe_instances():
        for instance in reservation.instances:
            if instance.id not in before:
                instance.metadata_options = asked(self, "MetadataOptions.", DEFAULTS)
    return body


def modify_instance_metadata_options(self):
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    base = getattr(instance, "metadata_options", DEFAULTS)
    instance.metadata_options = asked(self, "", base)
    return self.response_template(MODIFIED).render(instance=instance)


def host_address():
    return socket.gethostbyname(os.environ["LAB_HOST"])


if not hasattr(elastic_ip_addresses, "random_ip"):
    sys.exit("moto's elastic IP addresses have changed: revise this file")
if "LAB_HOST" in os.environ:
    elastic_ip_addresses.random_ip = host_address

if not hasattr(responses.InstanceResponse, "modify_instance_metadata_options"):
    original = responses.InstanceResponse.run_instances
    responses.InstanceResponse.run_instances = run_instances
    responses.InstanceResponse.modify_instance_metadata_options = (
        modify_instance_metadata_options
    )
    described = responses.EC2_DESCRIBE_INSTANCES
    mark = "<ebsOptimized>"
    if mark not in described:
        sys.exit("moto's answer to DescribeInstances has changed: revise this file")
    responses.EC2_DESCRIBE_INSTANCES = described.replace(mark, TEMPLATE + mark)

sys.exit(main())

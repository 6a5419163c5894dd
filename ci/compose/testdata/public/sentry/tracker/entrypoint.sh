#!/bin/sh
exec tracker "$@"

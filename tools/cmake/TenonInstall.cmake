# SPDX-License-Identifier: MIT
# Install rules, package configuration, pkg-config.

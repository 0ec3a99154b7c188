"""Addresses and names by which the parts of a cluster find each other."""

import ipaddress
from pathlib import Path

from rumpf.cluster.layout import LINK_COUNT, LINKS, Layout, Link


def test_no_two_links_share_a_name_or_an_address() -> None:
    links = [Link(index) for index in range(LINK_COUNT)]
    assert len({link.interface for link in links}) == LINK_COUNT
    assert len({address for link in links for address in (link.machine, link.cluster)}) == 2 * LINK_COUNT


def test_the_two_ends_of_a_link_are_the_hosts_of_a_small_network_of_its_own() -> None:
    space = ipaddress.ip_network(LINKS)
    for index in (0, 1, 63, 64, 16_383, 16_384, LINK_COUNT - 1):
        link = Link(index)
        network = ipaddress.ip_network(f"{link.machine}/30", strict=False)
        assert [str(host) for host in network.hosts()] == [link.machine, link.cluster]
        assert network.subnet_of(space)  # type: ignore[arg-type]


def test_the_name_of_a_link_is_short_enough_for_the_kernel() -> None:
    assert len(Link(LINK_COUNT - 1).interface) < 16


def test_a_cluster_in_its_own_world_is_reached_over_its_link() -> None:
    layout = Layout.inside(Link(5))
    assert layout.api_url == f"https://{Link(5).cluster}:6443"
    assert layout.api_local == "https://127.0.0.1:6443"
    assert layout.path("pki", "ca.crt") == "/run/rumpf/pki/ca.crt"


def test_a_cluster_on_the_loopback_is_reached_there_and_nowhere_else() -> None:
    layout = Layout.hosted(Path("/cache/clusters/one"), 4711)
    assert (layout.api_bind, layout.api_url, layout.api_local) == (
        "127.0.0.1",
        "https://127.0.0.1:4711",
        "https://127.0.0.1:4711",
    )
    assert layout.path("kubeconfig") == "/cache/clusters/one/kubeconfig"

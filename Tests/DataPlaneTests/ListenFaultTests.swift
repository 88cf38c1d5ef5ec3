import GatewayConfiguration
import Glibc
import Testing
import Transport

@testable import DataPlane

@Suite("The message for a listener that cannot be opened")
struct ListenFaultTests {
    private func said(_ number: CInt, _ address: ListenAddress) -> String {
        ListenFault(place: "admin.address", address: address, SystemFault("bind", number)).description
    }

    @Test("It has the key, the address as configured, and the reason")
    func words() {
        let (v4, v6) = (
            ListenAddress.tcp(host: "127.0.0.1", port: 9901), ListenAddress.tcp(host: "::1", port: 9901)
        )
        let used = "another program listens there"
        #expect(said(EADDRINUSE, v4) == "admin.address: cannot listen on 127.0.0.1:9901: \(used)")
        #expect(said(EADDRINUSE, v6) == "admin.address: cannot listen on [::1]:9901: \(used)")
        #expect(said(ENOENT, .unix(path: "/a/b")) == "admin.address: cannot listen on unix:/a/b: no such folder")
        #expect(said(EACCES, .unix(path: "/a/b")).hasSuffix(": permission denied"))
        #expect(said(EACCES, v4).hasSuffix(": permission denied"))
    }

    @Test("For port 443 without permission, it says how to get the permission")
    func privileged() {
        let said = said(EACCES, .tcp(host: "0.0.0.0", port: 443))
        #expect(said.contains("0.0.0.0:443: permission denied"))
        for hint in ["CAP_NET_BIND_SERVICE", "ip_unprivileged_port_start"] { #expect(said.contains(hint)) }
    }
}

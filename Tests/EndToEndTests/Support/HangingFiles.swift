import Foundation

/// A gateway for which files can hang, like those on a network mount whose server has gone.
///
/// A library that it loads first waits in the system's calls for paths of this folder while the file `hang` is there.
final class HangingGateway: Sendable {
    static let compiler = "/usr/bin/cc"

    let directory: TemporaryDirectory
    let upstream: RecordingUpstream
    let port: UInt16
    let adminPort: UInt16
    private let child: Child

    /// - Parameters:
    ///   - hangsAtStart: whether files hang before it has read any. Then it does not wait until the gateway serves.
    ///   - adjust: gets the folder whose files hang.
    init(hangsAtStart: Bool = false, _ adjust: (inout GatewayConfiguration, _ folder: String) throws -> Void) throws {
        directory = try TemporaryDirectory()
        upstream = try RecordingUpstream()
        let ports = try Listener.freePorts(2)
        (port, adminPort) = (ports[0], ports[1])
        try Gateway.writeSecrets(to: directory)
        let folder = directory["mount"]
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var configuration = GatewayConfiguration(upstream: upstream.port)
        try adjust(&configuration, folder)
        let file = try directory.write(
            "gateway.conf",
            configuration.text(port: port, adminPort: adminPort, directory: directory.path)
        )
        let (source, library) = (try directory.write("hang.c", Self.source), directory["hang.so"])
        let made = try run(Self.compiler, ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"])
        guard made.status == 0 else { throw GatewayFailure(text: made.errors) }
        if hangsAtStart { try directory.write("hang", "") }
        child = try Child(
            "/usr/bin/env",
            ["LD_PRELOAD=\(library)", "HANGING=\(folder)", Gateway.program, "run", file],
            output: directory["output.log"],
            errors: directory["errors.log"]
        )
        if !hangsAtStart { try waitUntilServing() }
    }

    func waitUntilServing() throws {
        let serves = eventually(within: 20) {
            child.exitStatus != nil || (try? fetch(port, "/.gateway/healthz").status) == 200
        }
        guard serves, child.exitStatus == nil else { throw GatewayFailure(text: "it does not serve: \(log)") }
    }

    var log: String { Child.text(of: directory["errors.log"]) }
    func send(_ signal: Int32) { child.send(signal) }
    func wait() -> Int32? { child.wait(within: 20) }

    /// From now on, calls for the folder's files wait.
    func hang() throws { try directory.write("hang", "") }

    /// From now on, they go on.
    func goOn() throws { try FileManager.default.removeItem(atPath: directory["hang"]) }

    /// How many calls have had to wait.
    var waiting: Int { Child.text(of: directory["waiting"]).utf8.count }

    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdarg.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <unistd.h>

        static void wait_for(const char *path) {
            const char *folder = getenv("HANGING");
            if (!folder || strncmp(path, folder, strlen(folder))) return;
            char flag[4096], note[4096];
            snprintf(flag, sizeof flag, "%s/../hang", folder);
            snprintf(note, sizeof note, "%s/../waiting", folder);
            int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
            if (!access(flag, F_OK)) {
                int descriptor = real(note, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
                if (write(descriptor, "x", 1) == 1) close(descriptor);
            }
            while (!access(flag, F_OK)) usleep(5000);
        }

        #define OPEN(name)                                                              \\
            int name(const char *path, int flags, ...) {                                \\
                int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);          \\
                va_list arguments;                                                      \\
                va_start(arguments, flags);                                             \\
                int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;                \\
                va_end(arguments);                                                      \\
                wait_for(path);                                                         \\
                return real(path, flags, mode);                                         \\
            }
        OPEN(open)
        OPEN(open64)

        """
}

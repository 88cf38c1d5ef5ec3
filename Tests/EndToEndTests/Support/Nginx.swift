import Foundation

/// A real embed host: a page, its assets, a large file and a place for uploads.
final class Nginx: Sendable {
    static let program = "/usr/sbin/nginx"
    /// The size of `/public/large` in bytes.
    static let largeSize = 100 << 20

    let port: UInt16
    let directory: TemporaryDirectory
    private let child: Child

    init() throws {
        let ports = try Listener.freePorts(1)
        port = ports[0]
        directory = try TemporaryDirectory()
        for name in ["html/event/e1", "html/public", "html/assets", "html/uploads", "tmp"] {
            try FileManager.default.createDirectory(
                atPath: directory[name],
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o777]
            )
        }
        try directory.write(
            "html/event/e1/index.html",
            "<!doctype html><title>Event</title><script src=\"/assets/app.js\"></script><p>Hello</p>\n"
        )
        try directory.write("html/assets/app.js", "console.log('live')\n")
        try directory.write("html/assets/style.css", "body { color: teal }\n")
        try directory.write("html/public/small", "small\n")
        try Self.writeLarge(directory["html/public/large"])
        try directory.write("nginx.conf", Self.configuration(port: port, directory: directory.path))
        child = try Child(
            Self.program,
            ["-p", directory.path, "-e", directory["error.log"], "-c", directory["nginx.conf"]],
            output: directory["output.log"]
        )
        let url = port
        guard eventually(within: 10, { (try? fetch(url, "/public/small").status) == 200 }) else {
            throw GatewayFailure(text: "nginx does not serve: \(child.said)")
        }
    }

    /// Mostly holes, with marks that move if bytes get lost.
    private static func writeLarge(_ path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil) else { throw SystemFailure("create \(path)") }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var random = SplitMix64(seed: 100)
        for offset in stride(from: 0, to: largeSize, by: 3_333_333) {
            try file.seek(toOffset: UInt64(offset))
            try file.write(contentsOf: Data((0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) }))
        }
        try file.truncate(atOffset: UInt64(largeSize))
    }

    private static func configuration(port: UInt16, directory: String) -> String {
        """
        daemon off;
        master_process off;
        worker_processes 1;
        pid \(directory)/nginx.pid;
        error_log \(directory)/error.log;
        events { worker_connections 4096; }
        http {
            types { text/html html; text/css css; text/javascript js; }
            default_type application/octet-stream;
            access_log off;
            client_max_body_size 0;
            client_body_temp_path \(directory)/tmp/body;
            proxy_temp_path \(directory)/tmp/proxy;
            fastcgi_temp_path \(directory)/tmp/fastcgi;
            uwsgi_temp_path \(directory)/tmp/uwsgi;
            scgi_temp_path \(directory)/tmp/scgi;
            keepalive_requests 1000000;
            server {
                listen 127.0.0.1:\(port);
                root \(directory)/html;
                rewrite ^/event/(e[0-9]+)$ /event/$1/index.html last;
                location /public/uploads/ {
                    alias \(directory)/html/uploads/;
                    dav_methods PUT;
                    client_body_in_file_only clean;
                }
                location /public/early { return 403 "no\\n"; }
            }
        }

        """
    }
}

// swift-tools-version: 6.2
import PackageDescription

/// One set of compiler settings for every target; each line says what it buys.
let settings: [SwiftSetting] = [
    // Data races are compile errors.
    .swiftLanguageMode(.v6),
    // Every memory-unsafe use is marked `unsafe`, so that a reader can find all of them.
    .strictMemorySafety(),
    // A warning left alone hides the next one.
    .treatAllWarnings(as: .error),
    // `any` is written out: an existential has a cost that should be seen.
    .enableUpcomingFeature("ExistentialAny"),
    // An import is private to its module unless it says otherwise.
    .enableUpcomingFeature("InternalImportsByDefault"),
    // A file names every module that it takes a member from.
    .enableUpcomingFeature("MemberImportVisibility"),
    // Functions may return spans over what they were given.
    .enableExperimentalFeature("Lifetimes"),
]

/// For targets that meet text from outside: it is an error to compare text by its characters there, see TextComparison.swift.
let settingsForOutsideText =
    settings + [.unsafeFlags(["-Xfrontend", "-import-module", "-Xfrontend", "TextComparison"])]

let package = Package(
    name: "embed-gateway",
    products: [
        .executable(name: "gateway", targets: ["gateway"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Without its traits: nobody here reads its settings from the environment.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    ],
    targets: [
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(
            name: "CNghttp2",
            pkgConfig: "libnghttp2",
            providers: [.apt(["libnghttp2-dev"])]
        ),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CLinux"),
        .target(name: "TextComparison", swiftSettings: settings),
        .target(name: "Basics", swiftSettings: settings),
        .target(name: "JOSE", dependencies: ["COpenSSL", "TextComparison"], swiftSettings: settingsForOutsideText),
        .target(
            name: "Admission",
            dependencies: ["Basics", "JOSE", "TextComparison"],
            swiftSettings: settingsForOutsideText
        ),
        .target(
            name: "Transport",
            dependencies: ["CLinux", "COpenSSL", "Basics", "JOSE", "TextComparison"],
            swiftSettings: settingsForOutsideText
        ),
        // A package that Hummingbird knows of has a module named Configuration.
        .target(
            name: "GatewayConfiguration",
            dependencies: ["JOSE", "Admission", .product(name: "TOMLKit", package: "TOMLKit")],
            path: "Sources/Configuration",
            swiftSettings: settings
        ),
        .target(
            name: "DataPlane",
            dependencies: [
                "CLinux", "CMalloc", "COpenSSL", "CNghttp2", "TextComparison", "Basics", "JOSE", "Admission",
                "GatewayConfiguration", "Transport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settingsForOutsideText
        ),
        .target(
            name: "Directory",
            dependencies: ["TextComparison", "JOSE", "Admission", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: settingsForOutsideText
        ),
        .target(
            name: "ControlPlane",
            dependencies: [
                "TextComparison", "JOSE", "Admission", "GatewayConfiguration", "Transport", "DataPlane", "Directory",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settingsForOutsideText
        ),
        .executableTarget(
            name: "gateway",
            dependencies: [
                "JOSE", "Admission", "GatewayConfiguration", "DataPlane", "Directory", "ControlPlane",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "JOSETests", dependencies: ["JOSE"], swiftSettings: settings),
        .testTarget(name: "AdmissionTests", dependencies: ["Admission", "Basics", "JOSE"], swiftSettings: settings),
        .target(
            name: "TestSupport",
            dependencies: ["CLinux", "Transport"],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "TransportTests",
            dependencies: ["TestSupport", "Transport", "Basics", "JOSE", "CLinux", "COpenSSL"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["GatewayConfiguration", "Admission", "JOSE"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DataPlaneTests",
            dependencies: [
                "TestSupport", "DataPlane", "Transport", "GatewayConfiguration", "Admission", "JOSE", "CLinux",
                "COpenSSL",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DirectoryTests",
            dependencies: ["Directory", "Admission", "JOSE", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: [
                "ControlPlane", "DataPlane", "Directory", "GatewayConfiguration", "Transport", "Admission", "JOSE",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "lease-benchmark",
            dependencies: ["Admission"],
            path: "Tests/Benchmarks/LeaseBenchmark",
            swiftSettings: settings
        ),
        .testTarget(name: "EndToEndTests", dependencies: ["JOSE"], swiftSettings: settings),
    ]
)

// Sanitizers build some tests and what these need: all of it would take them longer than the tests do.
if let names = Context.environment["GATEWAY_TARGETS"] {
    var wanted = Set(names.split(separator: " ").map(String.init))
    var count = 0
    while count != wanted.count {
        count = wanted.count
        for target in package.targets where wanted.contains(target.name) {
            for case .byNameItem(let name, _) in target.dependencies { wanted.insert(name) }
        }
    }
    package.targets.removeAll { !wanted.contains($0.name) }
    package.products.removeAll { !wanted.contains($0.name) }
}

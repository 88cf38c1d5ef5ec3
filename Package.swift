// swift-tools-version: 6.2
import PackageDescription

/// One set of compiler settings for every target; each line says what it buys.
let settings: [SwiftSetting] = [
    // Data races are compile errors.
    .swiftLanguageMode(.v6),
    // Every memory-unsafe use is marked `unsafe`, so that a reader can find all of them.
    .strictMemorySafety(),
    // A warning that is left alone hides the next one.
    .treatAllWarnings(as: .error),
    // `any` is written out, since an existential has a cost that should be visible.
    .enableUpcomingFeature("ExistentialAny"),
    // An import is private to its module unless declared otherwise.
    .enableUpcomingFeature("InternalImportsByDefault"),
    // A file imports every module whose members it uses.
    .enableUpcomingFeature("MemberImportVisibility"),
    // Functions may return spans over their arguments.
    .enableExperimentalFeature("Lifetimes"),
]

/// For targets that handle text from outside: comparing text by characters is an error there, see TextComparison.swift.
let settingsForOutsideText =
    settings + [.unsafeFlags(["-Xfrontend", "-import-module", "-Xfrontend", "TextComparison"])]

/// What the fuzz targets look into.
let fuzzed: [Target.Dependency] = [
    "CLinux", "Basics", "JOSE", "Admission", "GatewayConfiguration", "Transport", "DataPlane",
    .product(name: "Logging", package: "swift-log"),
]

let package = Package(
    name: "embed-gateway",
    products: [
        .executable(name: "gateway", targets: ["gateway"])
    ],
    traits: [
        .default(enabledTraits: ["PostgreSQL"]),
        .trait(
            name: "PostgreSQL",
            description: "Keeps the directory in PostgreSQL, for several gateways. Links libpq."
        ),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Without its traits: this product does not read settings from the environment through it.
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
        .systemLibrary(
            name: "CPostgreSQL",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"])]
        ),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CLinux"),
        .target(name: "TextComparison", swiftSettings: settings),
        .target(name: "Basics", dependencies: ["CLinux", "TextComparison"], swiftSettings: settingsForOutsideText),
        .target(
            name: "JOSE",
            dependencies: ["COpenSSL", "TextComparison", "Basics"],
            swiftSettings: settingsForOutsideText
        ),
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
        // Empty without the trait.
        .target(
            name: "PostgreSQL",
            dependencies: [
                "CLinux", "Basics", "TextComparison",
                .byName(name: "CPostgreSQL", condition: .when(traits: ["PostgreSQL"])),
            ],
            swiftSettings: settingsForOutsideText
        ),
        // Hummingbird's dependencies include a module named Configuration.
        .target(
            name: "GatewayConfiguration",
            dependencies: ["Basics", "JOSE", "Admission", .product(name: "TOMLKit", package: "TOMLKit")],
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
            dependencies: [
                "TextComparison", "Basics", "JOSE", "Admission", "PostgreSQL",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settingsForOutsideText
        ),
        .target(
            name: "ControlPlane",
            dependencies: [
                "TextComparison", "Basics", "JOSE", "Admission", "GatewayConfiguration", "Transport", "Directory",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settingsForOutsideText
        ),
        .target(
            name: "Console",
            dependencies: [
                "TextComparison", "Basics", "JOSE", "Admission", "GatewayConfiguration", "DataPlane", "Directory",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settingsForOutsideText
        ),
        .executableTarget(
            name: "gateway",
            dependencies: [
                "Basics", "JOSE", "Admission", "GatewayConfiguration", "Transport", "DataPlane", "Directory",
                "ControlPlane", "Console",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "BasicsTests", dependencies: ["Basics", "CLinux"], swiftSettings: settings),
        .testTarget(name: "JOSETests", dependencies: ["Basics", "JOSE"], swiftSettings: settings),
        .testTarget(name: "AdmissionTests", dependencies: ["Admission", "Basics", "JOSE"], swiftSettings: settings),
        .target(
            name: "TestSupport",
            dependencies: ["CLinux", "Basics", "Transport", "PostgreSQL"],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .target(
            name: "SchemaSupport",
            dependencies: ["Basics"],
            path: "Tests/SchemaSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "TransportTests",
            dependencies: ["TestSupport", "Transport", "Basics", "JOSE", "CLinux", "COpenSSL"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgreSQLTests",
            dependencies: ["TestSupport", "PostgreSQL", "Basics", "CLinux"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["GatewayConfiguration", "Admission", "Basics", "JOSE"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DataPlaneTests",
            dependencies: [
                "TestSupport", "DataPlane", "Transport", "GatewayConfiguration", "Admission", "Basics", "JOSE",
                "CLinux", "CMalloc",
                "COpenSSL",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DirectoryTests",
            dependencies: [
                "TestSupport", "Directory", "PostgreSQL", "Admission", "Basics", "JOSE",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: [
                "TestSupport", "SchemaSupport", "ControlPlane", "DataPlane", "Directory", "GatewayConfiguration",
                "Transport", "Admission", "Basics", "JOSE",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ConsoleTests",
            dependencies: [
                "Console", "DataPlane", "Directory", "GatewayConfiguration", "Admission", "Basics", "JOSE",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FuzzTargetTests",
            dependencies: fuzzed + ["TestSupport"],
            path: "Tests/Fuzz",
            exclude: ["CLibFuzzer", "Corpora", "Driver"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "lease-benchmark",
            dependencies: ["Admission", "Basics"],
            path: "Tests/Benchmarks/LeaseBenchmark",
            swiftSettings: settings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["TestSupport", "SchemaSupport", "Basics", "JOSE", "Transport"],
            swiftSettings: settings
        ),
    ]
)

// deploy/fuzz builds the fuzz targets as a program, which takes libFuzzer, and our own modules so that libFuzzer sees where an
// input leads.
if Context.environment["GATEWAY_TARGETS"] == "fuzz" {
    let instrumentation: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer"])]
    for target in package.targets where target.type == .regular {
        target.swiftSettings = (target.swiftSettings ?? []) + instrumentation
    }
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "fuzz",
            dependencies: fuzzed + ["CLibFuzzer"],
            path: "Tests/Fuzz",
            exclude: ["CLibFuzzer", "Corpora", "CorpusTests.swift"],
            swiftSettings: settings + instrumentation,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]
        ),
    ]
}

// Sanitizers build only some tests and their dependencies: building everything would take longer than the tests.
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

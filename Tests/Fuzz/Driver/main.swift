import CLibFuzzer
import Glibc

// fuzz TARGET [LIBFUZZER OPTIONS AND CORPORA...]: searches for input that breaks a property of the target. Runs forever
// unless an option limits it.

let name = CommandLine.arguments.dropFirst().first
guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
    print("usage: fuzz TARGET [OPTIONS AND CORPORA OF LIBFUZZER...]")
    for target in FuzzTarget.all { print("    \(target.name)") }
    exit(2)
}

/// The target's check. libFuzzer calls it on the main thread only.
nonisolated(unsafe) let check = try target.prepare()

/// Called by libFuzzer with each input. A broken property ends the process, so that libFuzzer keeps the input.
func checkInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer lends `count` bytes for the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    do {
        try unsafe check(bytes)
    } catch {
        fatalError("\(name ?? ""): \(error)")
    }
    return 0
}

// Leave out the target's name, which is not an argument for libFuzzer.
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv + 1
var count = CommandLine.argc - 1
exit(unsafe LLVMFuzzerRunDriver(&count, &arguments, checkInput))

import NIOCore
import Transport

/// Why a delivery got no answer, worded for the operator.
enum DeliveryFault: Error, Equatable, CustomStringConvertible {
    case endpoint
    case noAddress
    /// The rules forbid delivery to this address.
    case address(String)
    case timeout
    case noAnswer
    /// Longer than any answer has reason to be.
    case tooLong
    /// Not HTTP.
    case malformed
    /// Other hosts' names are being looked up: too many of the same company, if `isOwn`.
    case namesWait(isOwn: Bool)

    var description: String {
        switch self {
        case .endpoint: "the endpoint is not an http or https URL"
        case .noAddress: "the host has no address"
        case .address(let text): "nothing is delivered to \(text): it is not public, or the connection would not be TLS"
        case .timeout: "timed out"
        case .noAnswer: "the connection ended before an answer"
        case .tooLong: "the answer's head does not end"
        case .malformed: "the answer is not HTTP"
        case .namesWait: "too many names of hosts are being looked up"
        }
    }

    /// The same worded for the company: it reveals nothing that only the gateway's own resolver knows.
    var wordsForCompany: String {
        switch self {
        case .address, .noAddress: "the host has no address that messages may be delivered to"
        case .endpoint, .timeout, .noAnswer, .tooLong, .malformed, .namesWait: description
        }
    }

    /// What went wrong with a connection, worded for the operator.
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as IOError: SystemFault("connect", error.errnoCode).reason
        case ChannelError.connectTimeout: "nothing accepts the connection"
        default: "\(error)"
        }
    }
}

/*
 * What each error means, whichever library it came through. One row each: of the broker by Kafka's number, of the
 * libraries by the name they give it. An error without a row is UNKNOWN: it may be tried again, and refuses nothing.
 */

/**
 * `refused`: certainly not in the log, the closed list of J3a. `permanent`: neither time nor fresh metadata cures
 * it. `retry`: may be tried again; of an append it says nothing.
 */
export type ErrorMeaning = 'refused' | 'permanent' | 'retry';

/** Who says it, the port's code for it, and what it means. */
type Row<Name> = readonly [error: Name, code: string, meaning: ErrorMeaning];

/** Source: Kafka's protocol guide, Error Codes. */
export const BROKER_ERRORS: readonly Row<number>[] = [
  [-1, 'UNKNOWN_SERVER_ERROR', 'retry'],
  [1, 'OFFSET_OUT_OF_RANGE', 'permanent'],
  [2, 'CORRUPT_MESSAGE', 'retry'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', 'retry'],
  [4, 'INVALID_FETCH_SIZE', 'retry'],
  [5, 'LEADER_NOT_AVAILABLE', 'retry'],
  [6, 'NOT_LEADER_OR_FOLLOWER', 'retry'],
  [7, 'REQUEST_TIMED_OUT', 'retry'],
  [8, 'BROKER_NOT_AVAILABLE', 'retry'],
  [9, 'REPLICA_NOT_AVAILABLE', 'retry'],
  [10, 'MESSAGE_TOO_LARGE', 'refused'],
  [11, 'STALE_CONTROLLER_EPOCH', 'retry'],
  [12, 'OFFSET_METADATA_TOO_LARGE', 'retry'],
  [13, 'NETWORK_EXCEPTION', 'retry'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'retry'],
  [15, 'COORDINATOR_NOT_AVAILABLE', 'retry'],
  [16, 'NOT_COORDINATOR', 'retry'],
  [17, 'INVALID_TOPIC_EXCEPTION', 'permanent'],
  [18, 'RECORD_LIST_TOO_LARGE', 'refused'],
  [19, 'NOT_ENOUGH_REPLICAS', 'retry'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
  [21, 'INVALID_REQUIRED_ACKS', 'retry'],
  [22, 'ILLEGAL_GENERATION', 'retry'],
  [23, 'INCONSISTENT_GROUP_PROTOCOL', 'retry'],
  [24, 'INVALID_GROUP_ID', 'retry'],
  [25, 'UNKNOWN_MEMBER_ID', 'retry'],
  [26, 'INVALID_SESSION_TIMEOUT', 'retry'],
  [27, 'REBALANCE_IN_PROGRESS', 'retry'],
  [28, 'INVALID_COMMIT_OFFSET_SIZE', 'retry'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', 'refused'],
  [30, 'GROUP_AUTHORIZATION_FAILED', 'refused'],
  [31, 'CLUSTER_AUTHORIZATION_FAILED', 'refused'],
  [32, 'INVALID_TIMESTAMP', 'refused'],
  [33, 'UNSUPPORTED_SASL_MECHANISM', 'permanent'],
  [34, 'ILLEGAL_SASL_STATE', 'retry'],
  [35, 'UNSUPPORTED_VERSION', 'permanent'],
  [36, 'TOPIC_ALREADY_EXISTS', 'permanent'],
  [37, 'INVALID_PARTITIONS', 'permanent'],
  [38, 'INVALID_REPLICATION_FACTOR', 'permanent'],
  [39, 'INVALID_REPLICA_ASSIGNMENT', 'retry'],
  [40, 'INVALID_CONFIG', 'permanent'],
  [41, 'NOT_CONTROLLER', 'retry'],
  [42, 'INVALID_REQUEST', 'permanent'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'permanent'],
  [44, 'POLICY_VIOLATION', 'refused'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'retry'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', 'retry'],
  [47, 'INVALID_PRODUCER_EPOCH', 'retry'],
  [48, 'INVALID_TXN_STATE', 'retry'],
  [49, 'INVALID_PRODUCER_ID_MAPPING', 'retry'],
  [50, 'INVALID_TRANSACTION_TIMEOUT', 'retry'],
  [51, 'CONCURRENT_TRANSACTIONS', 'retry'],
  [52, 'TRANSACTION_COORDINATOR_FENCED', 'retry'],
  [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'refused'],
  [54, 'SECURITY_DISABLED', 'retry'],
  [55, 'OPERATION_NOT_ATTEMPTED', 'retry'],
  [56, 'KAFKA_STORAGE_ERROR', 'retry'],
  [57, 'LOG_DIR_NOT_FOUND', 'retry'],
  [58, 'SASL_AUTHENTICATION_FAILED', 'permanent'],
  [59, 'UNKNOWN_PRODUCER_ID', 'retry'],
  [60, 'REASSIGNMENT_IN_PROGRESS', 'retry'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED', 'retry'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND', 'retry'],
  [63, 'DELEGATION_TOKEN_OWNER_MISMATCH', 'retry'],
  [64, 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED', 'retry'],
  [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED', 'refused'],
  [66, 'DELEGATION_TOKEN_EXPIRED', 'retry'],
  [67, 'INVALID_PRINCIPAL_TYPE', 'retry'],
  [68, 'NON_EMPTY_GROUP', 'retry'],
  [69, 'GROUP_ID_NOT_FOUND', 'retry'],
  [70, 'FETCH_SESSION_ID_NOT_FOUND', 'retry'],
  [71, 'INVALID_FETCH_SESSION_EPOCH', 'retry'],
  [72, 'LISTENER_NOT_FOUND', 'retry'],
  [73, 'TOPIC_DELETION_DISABLED', 'retry'],
  [74, 'FENCED_LEADER_EPOCH', 'retry'],
  [75, 'UNKNOWN_LEADER_EPOCH', 'retry'],
  [76, 'UNSUPPORTED_COMPRESSION_TYPE', 'permanent'],
  [77, 'STALE_BROKER_EPOCH', 'retry'],
  [78, 'OFFSET_NOT_AVAILABLE', 'retry'],
  [79, 'MEMBER_ID_REQUIRED', 'retry'],
  [80, 'PREFERRED_LEADER_NOT_AVAILABLE', 'retry'],
  [81, 'GROUP_MAX_SIZE_REACHED', 'retry'],
  [82, 'FENCED_INSTANCE_ID', 'permanent'],
  [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE', 'retry'],
  [84, 'ELECTION_NOT_NEEDED', 'retry'],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS', 'retry'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC', 'retry'],
  [87, 'INVALID_RECORD', 'refused'],
  [88, 'UNSTABLE_OFFSET_COMMIT', 'retry'],
  [89, 'THROTTLING_QUOTA_EXCEEDED', 'retry'],
  [90, 'PRODUCER_FENCED', 'retry'],
  [91, 'RESOURCE_NOT_FOUND', 'retry'],
  [92, 'DUPLICATE_RESOURCE', 'retry'],
  [93, 'UNACCEPTABLE_CREDENTIAL', 'retry'],
  [94, 'INCONSISTENT_VOTER_SET', 'retry'],
  [95, 'INVALID_UPDATE_VERSION', 'retry'],
  [96, 'FEATURE_UPDATE_FAILED', 'retry'],
  [97, 'PRINCIPAL_DESERIALIZATION_FAILURE', 'retry'],
  [98, 'SNAPSHOT_NOT_FOUND', 'retry'],
  [99, 'POSITION_OUT_OF_RANGE', 'retry'],
  [100, 'UNKNOWN_TOPIC_ID', 'retry'],
  [101, 'DUPLICATE_BROKER_REGISTRATION', 'retry'],
  [102, 'BROKER_ID_NOT_REGISTERED', 'retry'],
  [103, 'INCONSISTENT_TOPIC_ID', 'retry'],
  [104, 'INCONSISTENT_CLUSTER_ID', 'retry'],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND', 'retry'],
  [106, 'FETCH_SESSION_TOPIC_ID_ERROR', 'retry'],
  [107, 'INELIGIBLE_REPLICA', 'retry'],
  [108, 'NEW_LEADER_ELECTED', 'retry'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE', 'retry'],
  [110, 'FENCED_MEMBER_EPOCH', 'retry'],
  [111, 'UNRELEASED_INSTANCE_ID', 'retry'],
  [112, 'UNSUPPORTED_ASSIGNOR', 'retry'],
  [113, 'STALE_MEMBER_EPOCH', 'retry'],
  [114, 'MISMATCHED_ENDPOINT_TYPE', 'retry'],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE', 'retry'],
  [116, 'UNKNOWN_CONTROLLER_ID', 'retry'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID', 'retry'],
  [118, 'TELEMETRY_TOO_LARGE', 'retry'],
  [119, 'INVALID_REGISTRATION', 'retry'],
  [120, 'TRANSACTION_ABORTABLE', 'retry'],
  [121, 'INVALID_RECORD_STATE', 'retry'],
  [122, 'SHARE_SESSION_NOT_FOUND', 'retry'],
  [123, 'INVALID_SHARE_SESSION_EPOCH', 'retry'],
  [124, 'FENCED_STATE_EPOCH', 'retry'],
  [125, 'INVALID_VOTER_KEY', 'retry'],
  [126, 'DUPLICATE_VOTER', 'retry'],
  [127, 'VOTER_NOT_FOUND', 'retry'],
];

/** By the library's own code; of a time-out, which carries the network's, by its class. */
export const PLATFORMATIC_ERRORS: readonly Row<string>[] = [
  ['PLT_KFK_NETWORK', 'NETWORK', 'retry'],
  ['PLT_KFK_TIMEOUT', 'TIMEOUT', 'retry'],
  ['PLT_KFK_AUTHENTICATION', 'SASL_AUTHENTICATION_FAILED', 'permanent'],
  ['PLT_KFK_MULTIPLE', 'PLT_KFK_MULTIPLE', 'retry'],
  ['PLT_KFK_OUT_OF_BOUNDS', 'PLT_KFK_OUT_OF_BOUNDS', 'retry'],
  ['PLT_KFK_PROTOCOL', 'PLT_KFK_PROTOCOL', 'retry'],
  ['PLT_KFK_RESPONSE', 'PLT_KFK_RESPONSE', 'retry'],
  ['PLT_KFK_UNEXPECTED_CORRELATION_ID', 'PLT_KFK_UNEXPECTED_CORRELATION_ID', 'retry'],
  ['PLT_KFK_UNFINISHED_WRITE_BUFFER', 'PLT_KFK_UNFINISHED_WRITE_BUFFER', 'retry'],
  ['PLT_KFK_UNSUPPORTED_API', 'PLT_KFK_UNSUPPORTED_API', 'permanent'],
  ['PLT_KFK_UNSUPPORTED_COMPRESSION', 'PLT_KFK_UNSUPPORTED_COMPRESSION', 'permanent'],
  ['PLT_KFK_UNSUPPORTED_FORMAT', 'PLT_KFK_UNSUPPORTED_FORMAT', 'permanent'],
  ['PLT_KFK_UNSUPPORTED', 'PLT_KFK_UNSUPPORTED', 'permanent'],
  ['PLT_KFK_USER', 'PLT_KFK_USER', 'permanent'],
];

/** By the name of the error's class. KafkaJSProtocolError carries the broker's number, which is looked up above. */
export const KAFKAJS_ERRORS: readonly Row<string>[] = [
  ['KafkaJSConnectionError', 'NETWORK', 'retry'],
  ['KafkaJSConnectionClosedError', 'NETWORK', 'retry'],
  ['KafkaJSRequestTimeoutError', 'TIMEOUT', 'retry'],
  ['KafkaJSTimeout', 'TIMEOUT', 'retry'],
  ['KafkaJSLockTimeout', 'TIMEOUT', 'retry'],
  ['KafkaJSSASLAuthenticationError', 'SASL_AUTHENTICATION_FAILED', 'permanent'],
  ['KafkaJSServerDoesNotSupportApiKey', 'UNSUPPORTED_VERSION', 'permanent'],
  ['KafkaJSBrokerNotFound', 'BROKER_NOT_AVAILABLE', 'retry'],
  ['KafkaJSNoBrokerAvailableError', 'BROKER_NOT_AVAILABLE', 'retry'],
  ['KafkaJSGroupCoordinatorNotFound', 'COORDINATOR_NOT_AVAILABLE', 'retry'],
  ['KafkaJSMetadataNotLoaded', 'LEADER_NOT_AVAILABLE', 'retry'],
  ['KafkaJSTopicMetadataNotLoaded', 'LEADER_NOT_AVAILABLE', 'retry'],
  ['KafkaJSStaleTopicMetadataAssignment', 'LEADER_NOT_AVAILABLE', 'retry'],
  ['KafkaJSPartialMessageError', 'CORRUPT_MESSAGE', 'retry'],
  ['KafkaJSInvalidVarIntError', 'CORRUPT_MESSAGE', 'retry'],
  ['KafkaJSInvalidLongError', 'CORRUPT_MESSAGE', 'retry'],
  ['KafkaJSUnsupportedMagicByteInMessageSet', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'permanent'],
  ['KafkaJSNotImplemented', 'UNSUPPORTED_COMPRESSION_TYPE', 'permanent'],
  ['KafkaJSInvariantViolation', 'KAFKAJS_INVARIANT', 'retry'],
  ['KafkaJSNumberOfRetriesExceeded', 'KAFKAJS_RETRIES_EXCEEDED', 'retry'],
  ['KafkaJSDeleteGroupsError', 'KAFKAJS_DELETE_GROUPS', 'retry'],
  ['KafkaJSDeleteTopicRecordsError', 'KAFKAJS_DELETE_RECORDS', 'retry'],
  ['KafkaJSAggregateError', 'KAFKAJS_AGGREGATE', 'retry'],
  ['KafkaJSFetcherRebalanceError', 'KAFKAJS_FETCHER_REBALANCE', 'retry'],
  ['KafkaJSNonRetriableError', 'KAFKAJS_WRONG_USE', 'permanent'],
  ['KafkaJSError', 'UNKNOWN', 'retry'],
];

/** What the adapters say themselves. */
export const ADAPTER_ERRORS: readonly Row<string>[] = [
  ['CLOSED', 'CLOSED', 'permanent'],
  ['socket', 'NETWORK', 'retry'],
  ['anything else', 'UNKNOWN', 'retry'],
];

/** Codes of Node's sockets. Source: Node's documentation, "Common system errors". */
export const SOCKET_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

const NAMES: ReadonlyMap<number, string> = new Map(
  BROKER_ERRORS.map(([number, code]) => [number, code]),
);
/** The broker's row of a code counts before a library's. */
const MEANINGS: ReadonlyMap<string, ErrorMeaning> = new Map(
  [...KAFKAJS_ERRORS, ...PLATFORMATIC_ERRORS, ...ADAPTER_ERRORS, ...BROKER_ERRORS].map(
    ([, code, meaning]) => [code, meaning],
  ),
);

/** Kafka's name of the number in an answer. */
export function nameOf(errorCode: number): string {
  return NAMES.get(errorCode) ?? `ERROR_${errorCode}`;
}

/** Certainly not in the log (J3a). */
export function isRefusal(code: string): boolean {
  return MEANINGS.get(code) === 'refused';
}

/** Time or fresh metadata may cure it. */
export function canRetry(code: string): boolean {
  return (MEANINGS.get(code) ?? 'retry') === 'retry';
}

// Lets the identity into a Redis that exists. Redis knows it by its object id.
targetScope = 'resourceGroup'

@description('Name of the Redis.')
param redisName string

@description('managed (Azure Managed Redis) or cache (Azure Cache for Redis).')
param kind string

@description('Object id of the identity.')
param principalId string

@description('Name of the assignment, for people.')
param alias string

@description('Prefix of all keys.')
param prefix string

// Azure Managed Redis. Its policy default allows everything, INFO and WAIT included; less takes an access string, which only
// the preview API 2026-05-01-preview has.
resource managed 'Microsoft.Cache/redisEnterprise@2025-07-01' existing = if (kind == 'managed') {
  name: redisName
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' existing = if (kind == 'managed') {
  parent: managed
  name: 'default'
}

resource managedAssignment 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = if (kind == 'managed') {
  parent: database
  name: uniqueString(principalId)
  properties: {
    accessPolicyName: 'default'
    user: {
      objectId: principalId
    }
  }
}

// Azure Cache for Redis, in its last years. Its built-in Data Contributor lacks INFO: hence a policy of our own: the least
// that docs/identities.md says, and what a clustered one wants.
var policyName = 'unreal-pixel-streaming-scaler'

resource cache 'Microsoft.Cache/redis@2024-11-01' existing = if (kind == 'cache') {
  name: redisName
}

resource policy 'Microsoft.Cache/redis/accessPolicies@2024-11-01' = if (kind == 'cache') {
  parent: cache
  name: policyName
  properties: {
    permissions: '~${prefix}:* +ping +evalsha +script|load +time +type +getrange +srandmember +mget +get +strlen +exists +info +pttl +set +del +mset +sadd +srem +sismember +zadd +zrem +expire +persist +wait +cluster|slots +asking +eval'
  }
}

resource cacheAssignment 'Microsoft.Cache/redis/accessPolicyAssignments@2024-11-01' = if (kind == 'cache') {
  parent: cache
  name: uniqueString(principalId)
  properties: {
    accessPolicyName: policyName
    objectId: principalId
    objectIdAlias: alias
  }
  dependsOn: [policy]
}

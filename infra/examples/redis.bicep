// An example, for those who have no Redis: the smallest Azure Managed Redis with a replica, without keys.
// Azure Cache for Redis is closed to new customers and ends in 2028, so it is no example any more.
targetScope = 'resourceGroup'

@description('Name of the Redis, unique in the region.')
param name string

@description('Region; that of the function app, for each tick asks Redis several times.')
param location string = resourceGroup().location

@description('Size. The scaler needs next to nothing: a machine is a record of less than a kilobyte.')
param size string = 'Balanced_B0'

@description('Whether there is a replica. Without one, WAIT answers 0, nothing is confirmed, and a failover may forget reservations.')
@allowed(['Enabled', 'Disabled'])
param highAvailability string = 'Enabled'

@description('Subnet for a private endpoint. Empty: reached from every network, and still only with an identity.')
param subnetId string = ''

@description('Virtual network that finds the private endpoint by its name. Empty: none.')
param networkId string = ''

resource redis 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  sku: {
    name: size
  }
  properties: {
    highAvailability: highAvailability
    minimumTlsVersion: '1.2'
    publicNetworkAccess: empty(subnetId) ? 'Enabled' : 'Disabled'
  }
}

// NoCluster, up to 25 GB: the prefix needs no braces. With EnterpriseCluster or OSSCluster: SCALER_REDIS_PREFIX={vmss}.
resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: redis
  name: 'default'
  properties: {
    clientProtocol: 'Encrypted'
    port: 10000
    clusteringPolicy: 'NoCluster'
    evictionPolicy: 'NoEviction' // a record that is evicted is a visitor who is forgotten
    accessKeysAuthentication: 'Disabled'
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = if (!empty(subnetId)) {
  name: '${name}-redis'
  location: location
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: 'redis'
        properties: {
          privateLinkServiceId: redis.id
          groupIds: ['redisEnterprise']
        }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = if (!empty(subnetId)) {
  name: 'privatelink.redis.azure.net'
  location: 'global'
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = if (!empty(subnetId) && !empty(networkId)) {
  parent: zone
  name: 'network'
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
  }
}

resource group 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = if (!empty(subnetId)) {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'redis'
        properties: {
          privateDnsZoneId: zone.id
        }
      }
    ]
  }
}

@description('For REDIS_HOST.')
output host string = redis.properties.hostName

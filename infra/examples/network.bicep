// An example, for those who have no virtual network: a subnet each for the machines, the function app and private endpoints.
targetScope = 'resourceGroup'

@description('Name of the network.')
param name string = 'pixels'

@description('Region.')
param location string = resourceGroup().location

@description('Who may watch: by TCP for signalling, by UDP for the stream.')
param visitors string = 'Internet'

@description('Ports of the signalling server.')
param signallingPorts array = ['80', '443']

// Standard public addresses let nothing in without a security group. Outbound stays open: TURN, the driver, updates.
resource security 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-machines'
  location: location
  properties: {
    securityRules: [
      {
        name: 'signalling'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: visitors
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRanges: signallingPorts
        }
      }
      {
        name: 'stream'
        properties: {
          priority: 110
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Udp'
          sourceAddressPrefix: visitors
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '49152-65535'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: ['10.20.0.0/16']
    }
    subnets: [
      {
        name: 'machines'
        properties: {
          addressPrefix: '10.20.0.0/20'
          networkSecurityGroup: {
            id: security.id
          }
        }
      }
      {
        name: 'scaler'
        properties: {
          addressPrefix: '10.20.16.0/26'
          delegations: [
            {
              name: 'functions'
              properties: {
                serviceName: 'Microsoft.Web/serverFarms'
              }
            }
          ]
          serviceEndpoints: [
            {
              service: 'Microsoft.Storage'
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.20.17.0/26'
        }
      }
    ]
  }
}

@description('For the machines of the scale set.')
output machinesSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'machines')

@description('For the function app: subnetId of infra/main.bicep.')
output scalerSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'scaler')

@description('For the private endpoint of Redis.')
output endpointsSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'endpoints')
